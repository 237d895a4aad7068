package firewall

import "encoding/binary"

// Keys of meta (enum nft_meta_keys in linux/netfilter/nf_tables.h).
const (
	metaMark    = 3
	metaPktType = 19
)

const incomingName = "iifname"

// metaFields are the fields by key. Those without a reader may be missing in a
// packet.
var metaFields = map[uint32]field{
	0:           {"meta length", 4, showNumber, nil},
	1:           {"meta protocol", 2, showHex, sure(etherType)},
	metaMark:    {"meta mark", 4, showFlags, sure(markOf)},
	4:           {"iif", 4, showNumber, sure(func(r *run) word { return r.entrance.index })},
	5:           {"oif", 4, showNumber, nil},
	6:           {incomingName, nameBytes, showName, sure(func(r *run) word { return r.entrance.name })},
	7:           {"oifname", nameBytes, showName, nil},
	8:           {"iiftype", 2, showNumber, ofOrigin(interfaceType)},
	10:          {"meta skuid", 4, showNumber, nil},
	11:          {"meta skgid", 4, showNumber, nil},
	15:          {"meta nfproto", 1, showFamily, sure(hookFamily)},
	16:          {"meta l4proto", 1, showProtocol, sure(func(r *run) word { return r.protocol() })},
	metaPktType: {"meta pkttype", 1, showPacketType, sure(func(r *run) word { return constant(r.pktType()) })},
	21:          {"iifgroup", 4, showNumber, nil},
	23:          {"meta cgroup", 4, showNumber, nil},
}

// longestMeta is the most that a key which is not known fills.
const longestMeta = 16

func metaField(key uint32) field {
	if f, ok := metaFields[key]; ok {
		return f
	}
	return field{name: "meta …", bytes: longestMeta, show: showHex}
}

func etherType(r *run) word {
	if r.ipv6 {
		return constant(0x86, 0xdd)
	}
	return constant(0x08, 0x00)
}

// hookFamily is the family of the hook, which in tables of both IP versions is
// the packet's (nft_pf in net/netfilter/nf_tables.h).
func hookFamily(r *run) word {
	if r.table.family != familyINet {
		return constant(byte(r.table.family))
	}
	return constant(byte(versionOf(r.ipv6)))
}

// Where bits of marks come from that are not known.
var (
	packetMark     = &origin{4, func([]byte, []byte) bool { return false }}
	connectionMark = &origin{4, func([]byte, []byte) bool { return false }}
)

func markOf(r *run) word {
	value := binary.NativeEndian.AppendUint32(nil, r.mark)
	known := binary.NativeEndian.AppendUint32(nil, r.markKnown)
	w := packetMark.word()
	for i := range w {
		w[i].value, w[i].known = value[i], known[i]
	}
	return w
}

// number is a word of four bytes in the host's order.
func (w word) number() (value, known uint32) {
	var v, k [4]byte
	for i, o := range w {
		v[i], k[i] = o.value, o.known
	}
	return binary.NativeEndian.Uint32(v[:]), binary.NativeEndian.Uint32(k[:])
}
