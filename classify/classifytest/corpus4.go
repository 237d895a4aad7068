package classifytest

import (
	"net/netip"

	"ptbrelay/classify"
)

// shapesIPv4 are the cases that only IPv4 has.
func shapesIPv4() []shape {
	addr := netip.MustParseAddr
	options := []byte{0x94, 4, 0, 0} // router alert, RFC 2113
	return []shape{
		{classify.Truncated, "length-beyond-bytes", KernelDrops, PTB{Length: new(uint16(57))}},
		{classify.Truncated, "length-65535", KernelDrops, PTB{Length: new(uint16(65535))}},
		{classify.Fragment, "first", Logged, PTB{MoreFragments: true}},
		{classify.Fragment, "middle", Logged, PTB{FragmentOffset: 1, MoreFragments: true}},
		{classify.Fragment, "last", Logged, PTB{FragmentOffset: 185}},
		{classify.Fragment, "last-of-udp", NotMatched, PTB{FragmentOffset: 185, Upper: classify.UDP}},
		{classify.NotPTB, "port-unreachable", NotMatched, PTB{Code: new(uint8(3))}},
		{classify.NotPTB, "source-route-failed", NotMatched, PTB{Code: new(uint8(5))}},
		{classify.NotPTB, "time-exceeded", NotMatched, PTB{Type: new(uint8(11))}},
		{classify.NotPTB, "icmpv6-too-big-in-ipv4", NotMatched, PTB{Upper: 58, Type: new(uint8(2)), Code: new(uint8(0))}},
		{classify.NotPTB, "icmp-header-cut", Logged, PTB{Length: new(uint16(27))}},
		{classify.NotPTB, "no-icmp-header", NotMatched, PTB{Length: new(uint16(20))}},
		{classify.NotPTB, "authentication-header", NotMatched, PTB{Upper: 51}},
		{classify.NotPTB, "router-unspecified", Logged, PTB{Router: addr("0.0.0.0")}},
		{classify.NotPTB, "router-loopback", Logged, PTB{Router: addr("127.0.0.1")}},
		{classify.NotPTB, "router-multicast", Logged, PTB{Router: addr("224.0.0.1")}},
		{classify.NotPTB, "router-broadcast", Logged, PTB{Router: addr("255.255.255.255")}},
		{classify.BadChecksum, "options", Logged, PTB{Options: options, BreakChecksum: true}},
		{classify.QuoteTruncated, "options-without-l4", Logged, PTB{QuoteOptions: make([]byte, 40), QuoteCut: 8}},
		{classify.QuoteTruncated, "options-seven-bytes-of-l4", Logged, PTB{QuoteOptions: options, QuoteCut: 1}},
		{classify.QuoteTruncated, "header-length-beyond-quote", Logged, PTB{QuoteHeaderWords: new(uint8(15))}},
		{classify.QuoteInvalid, "header-length-0-words", Logged, PTB{QuoteHeaderWords: new(uint8(0))}},
		{classify.QuoteInvalid, "header-length-4-words", Logged, PTB{QuoteHeaderWords: new(uint8(4))}},
		{classify.QuoteInvalid, "client-unspecified", Logged, PTB{Client: addr("0.0.0.0")}},
		{classify.QuoteInvalid, "client-loopback", Logged, PTB{Client: addr("127.0.0.1")}},
		{classify.QuoteInvalid, "client-multicast", Logged, PTB{Client: addr("239.1.2.3")}},
		{classify.QuoteInvalid, "client-broadcast", Logged, PTB{Client: addr("255.255.255.255")}},
		{classify.QuoteInvalid, "source-unspecified", Logged, PTB{QuoteSource: addr("0.0.0.0")}},
		{classify.QuoteInvalid, "source-multicast", Logged, PTB{QuoteSource: addr("224.0.0.5")}},
		{classify.QuoteFragment, "middle", Logged, PTB{QuoteOffset: 1, QuoteMoreFragments: true}},
		{classify.QuoteFragment, "last", Logged, PTB{QuoteOffset: 185}},
		{classify.QuoteFragment, "largest-offset", Logged, PTB{QuoteOffset: 0x1fff}},
		{classify.QuoteProtocol, "authentication-header", Logged, PTB{Protocol: 51}},
		{classify.Eligible, "options", Logged, PTB{Options: options}},
		{classify.Eligible, "longest-options", Logged, PTB{Options: make([]byte, 40)}},
		{classify.Eligible, "quoted-options", Logged, PTB{QuoteOptions: options}},
		{classify.Eligible, "longest-quoted-options", Logged, PTB{QuoteOptions: make([]byte, 40)}},
		{classify.Eligible, "quoted-first-fragment", Logged, PTB{QuoteMoreFragments: true}},
		{classify.Eligible, "broken-header-checksum", KernelDrops, PTB{BreakHeaderChecksum: true}},
	}
}
