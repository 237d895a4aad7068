package firewall

import "slices"

// extension is a match of iptables, which iptables-nft keeps as it is.
type extension struct {
	text  string
	holds func(r *run) match
}

func (x extension) eval(r *run) match   { return x.holds(r) }
func (x extension) tell(*speech) string { return x.text }

// decodeExtension reads a match by name and revision. One that is not known, or
// not of the length that it ought to have, may hold or not.
func decodeExtension(name string, revision uint32, info []byte) expression {
	var x expression
	switch name {
	case "comment":
		return idle{}
	case "conntrack":
		x = decodeConntrack(revision, info)
	case "state":
		x = decodeState(info)
	case "icmp", "icmp6":
		x = decodeICMP(name == "icmp6", info)
	case "addrtype":
		x = decodeAddrType(revision, info)
	case "mark":
		x = decodeMarkMatch(info)
	case "connmark":
		return connMarkMatch{}
	case "dscp", "tos", "ecn":
		x = decodeTOSMatch(name, info)
	case "pkttype":
		x = decodePacketType(info)
	case "tcp":
		x = decodePorts(protocolTCP, info)
	case "udp":
		x = decodePorts(protocolUDP, info)
	case "tcpmss", "udplite", "sctp", "dccp", "multiport", "ah", "esp", "ipcomp":
		return absent{name + " …"} // of other protocols
	case "frag", "rt", "hbh", "dst", "mh":
		return absent{name + " …"} // asks for a header that a PTB has not
	}
	if x == nil {
		return opaque{text: name + " …", blind: slices.Contains(blindExtensions, name)}
	}
	return x
}

// blindExtensions are matches that do not look at the TOS byte, whatever else they do.
var blindExtensions = []string{
	"bridge", "cgroup", "cluster", "connbytes", "connlabel", "connlimit", "cpu", "devgroup", "eui64", "hashlimit",
	"helper", "hl", "iprange", "ipv6header", "ipvs", "length", "limit", "mac", "nfacct", "osf", "owner", "physdev",
	"policy", "quota", "rateest", "realm", "recent", "rpfilter", "set", "socket", "statistic", "time", "ttl",
}
