package classifytest

import (
	"bytes"
	"net/netip"

	"ptbrelay/classify"
)

// Reach says how far a packet of the [Corpus] gets on a real host that loads
// the rules of ptbrelay, holds the VIPs, and gets the packet from a wire in a
// frame of the EtherType that its version nibble says. Measured on Linux 6.18
// without conntrack, which would put fragments together first: nftables looks
// for the ICMP type in later IPv4 fragments too, and not behind an IPv6
// authentication header.
type Reach uint8

const (
	// Logged: the rules hand it over.
	Logged Reach = iota
	// KernelDrops: ip_rcv or ipv6_rcv drops it before prerouting.
	KernelDrops
	// NotMatched: the PTB test of the rules does not take it for a PTB, if it
	// asks for the IP version too.
	NotMatched
	// NotOurs: the rules return, since the outer destination is no VIP here.
	NotOurs
)

// Case is one packet and the verdict it must have under [Policy].
type Case struct {
	Name    string // unique, starts with the verdict: "not-ptb/ipv4/echo-reply"
	Verdict classify.Verdict
	Reach   Reach
	Packet  []byte // nobody else's: free to be changed
}

// shape is a case before it is built, for one family.
type shape struct {
	verdict classify.Verdict
	name    string
	reach   Reach
	ptb     PTB
}

// Corpus returns packets of every verdict, several of each, in the order of
// judgement within each family. Every call builds them anew.
func Corpus() []Case {
	var cases []Case
	for _, c := range notIP() {
		cases = append(cases, Case{"not-ip/" + c.Name, classify.NotIP, KernelDrops, bytes.Clone(c.Packet)})
	}
	for _, f := range []classify.Family{classify.IPv4, classify.IPv6} {
		shapes := shapesIPv4()
		if f == classify.IPv6 {
			shapes = shapesIPv6()
		}
		for _, s := range append(shapes, shapesBoth(f)...) {
			s.ptb.Family = f
			cases = append(cases, Case{
				Name:    s.verdict.String() + "/" + f.String() + "/" + s.name,
				Verdict: s.verdict,
				Reach:   s.reach,
				Packet:  s.ptb.Bytes(),
			})
		}
	}
	return cases
}

func notIP() []Case {
	four, six := PTB{}.Bytes(), PTB{Family: classify.IPv6}.Bytes()
	return []Case{
		{Name: "empty", Packet: []byte{}},
		{Name: "one-byte-4", Packet: four[:1]},
		{Name: "one-byte-6", Packet: six[:1]},
		{Name: "version-0", Packet: PTB{Version: new(uint8(0))}.Bytes()},
		{Name: "version-5", Packet: PTB{Version: new(uint8(5))}.Bytes()},
		{Name: "ipv4-19-bytes", Packet: four[:19]},
		{Name: "ipv4-header-length-4-words", Packet: PTB{HeaderWords: new(uint8(4))}.Bytes()},
		{Name: "ipv4-header-beyond-bytes", Packet: PTB{HeaderWords: new(uint8(15))}.Bytes()},
		{Name: "ipv4-length-below-header", Packet: PTB{Length: new(uint16(19))}.Bytes()},
		{Name: "ipv4-length-0", Packet: PTB{Length: new(uint16(0))}.Bytes()},
		{Name: "ipv6-39-bytes", Packet: six[:39]},
		{Name: "version-6-of-ipv4", Packet: PTB{Version: new(uint8(6))}.Bytes()[:39]},
	}
}

// other returns an address of the family that is none of the defaults.
func other(f classify.Family) netip.Addr {
	if f == classify.IPv6 {
		return netip.MustParseAddr("2001:db8:ffff::2")
	}
	return netip.MustParseAddr("192.0.2.2")
}

// shapesBoth are the cases that read alike in both families.
func shapesBoth(f classify.Family) []shape {
	return append(structureShapes(f), policyShapes(f)...)
}

// structureShapes break what [classify.Decoder] judges.
func structureShapes(f classify.Family) []shape {
	header, echoReply, otherVersion := 20, uint8(0), uint8(6)
	if f == classify.IPv6 {
		header, echoReply, otherVersion = 40, 129, 4
	}
	return []shape{
		{classify.Truncated, "one-byte", KernelDrops, PTB{Cut: 1}},
		{classify.Truncated, "header-only", KernelDrops, PTB{Cut: 8 + header + 8}},
		{classify.Truncated, "large-quote", KernelDrops, PTB{QuoteBytes: 528, Cut: 400}},
		{classify.NotPTB, "udp", NotMatched, PTB{Upper: classify.UDP}},
		{classify.NotPTB, "tcp", NotMatched, PTB{Upper: classify.TCP}},
		{classify.NotPTB, "echo-reply", NotMatched, PTB{Type: &echoReply, Code: new(uint8(0))}},
		{classify.BadChecksum, "minimal", Logged, PTB{BreakChecksum: true}},
		{classify.BadChecksum, "large-quote", Logged, PTB{BreakChecksum: true, QuoteBytes: 1232}},
		{classify.BadChecksum, "odd-length", Logged, PTB{BreakChecksum: true, QuoteBytes: 101}},
		{classify.QuoteTruncated, "no-quote", Logged, PTB{QuoteCut: header + 8}},
		{classify.QuoteTruncated, "one-byte-of-quote", Logged, PTB{QuoteCut: header + 7}},
		{classify.QuoteTruncated, "header-without-ports", Logged, PTB{QuoteCut: 8}},
		{classify.QuoteTruncated, "seven-bytes-of-l4", Logged, PTB{QuoteCut: 1}},
		{classify.QuoteInvalid, "version-0", Logged, PTB{QuoteVersion: new(uint8(0)), QuoteBytes: 100}},
		{classify.QuoteInvalid, "other-version", Logged, PTB{QuoteVersion: &otherVersion, QuoteBytes: 100}},
	}
}

// policyShapes are judged by [classify.Policy].
func policyShapes(f classify.Family) []shape {
	header, minMTU := 20, Policy().MinMTU4
	if f == classify.IPv6 {
		header, minMTU = 40, Policy().MinMTU6
	}
	maxMTU := Policy().MaxMTU
	total := func(n int) *uint16 { // the length field of a quote of n bytes
		if f == classify.IPv6 {
			n -= 40
		}
		return new(uint16(n))
	}
	return []shape{
		{classify.QuoteProtocol, "icmp", Logged, PTB{Protocol: 1}},
		{classify.QuoteProtocol, "icmpv6", Logged, PTB{Protocol: 58}},
		{classify.QuoteProtocol, "esp", Logged, PTB{Protocol: 50}},
		{classify.QuoteProtocol, "gre", Logged, PTB{Protocol: 47}},
		{classify.QuoteProtocol, "unassigned", Logged, PTB{Protocol: 200}},
		{classify.QuoteProtocol, "sctp", Logged, PTB{Protocol: classify.SCTP}},
		{classify.QuoteProtocol, "dccp", Logged, PTB{Protocol: classify.DCCP}},
		{classify.QuoteMismatch, "other-source", Logged, PTB{QuoteSource: other(f)}},
		{classify.ForeignVIP, "neighbour", NotOurs, PTB{VIP: other(f)}},
		{classify.ForeignVIP, "a-client", NotOurs, PTB{VIP: PTB{Family: f}.withDefaults().Client, Client: other(f)}},
		{classify.ForeignPort, "ssh", Logged, PTB{VIPPort: 22}},
		{classify.ForeignPort, "udp", Logged, PTB{VIPPort: 123, Protocol: classify.UDP}},
		{classify.ForeignPort, "server-port-on-client-side", Logged, PTB{VIPPort: ClientPort, ClientPort: VIPPort}},
		{classify.MTUTooSmall, "zero", Logged, PTB{ZeroMTU: true}},
		{classify.MTUTooSmall, "68", Logged, PTB{MTU: 68}},
		{classify.MTUTooSmall, "one-below", Logged, PTB{MTU: minMTU - 1}},
		{classify.MTUTooLarge, "equal", Logged, PTB{MTU: maxMTU}},
		{classify.MTUTooLarge, "jumbo", Logged, PTB{MTU: 9000}},
		{classify.MTUTooLarge, "65535", Logged, PTB{MTU: 65535}},
		{classify.QuoteFits, "equal", Logged, PTB{QuoteLength: total(int(MTU))}},
		{classify.QuoteFits, "small", Logged, PTB{QuoteLength: total(header + 8)}},
		{classify.Eligible, "minimal", Logged, PTB{}},
		{classify.Eligible, "udp", Logged, PTB{Protocol: classify.UDP, VIPPort: 53}},
		{classify.Eligible, "quote-528", Logged, PTB{QuoteBytes: 528}},
		{classify.Eligible, "quote-1232", Logged, PTB{QuoteBytes: 1232}},
		{classify.Eligible, "odd-length", Logged, PTB{QuoteBytes: 101}},
		{classify.Eligible, "padding", Logged, PTB{Padding: 18}},
		{classify.Eligible, "smallest-mtu", Logged, PTB{MTU: minMTU}},
		{classify.Eligible, "largest-mtu", Logged, PTB{MTU: maxMTU - 1}},
		{classify.Eligible, "fits-not-by-one-byte", Logged, PTB{QuoteLength: total(int(MTU) + 1)}},
		{classify.Eligible, "gso-quote", Logged, PTB{QuoteLength: total(7292), QuoteBytes: 528}},
		{classify.Eligible, "big-tcp-quote", Logged, PTB{QuoteLength: new(uint16(0)), QuoteBytes: 528}},
		{classify.Eligible, "mpls-label", Logged, PTB{ExtensionObjects: MPLSLabel()}},
	}
}
