package classifytest

import (
	"net/netip"

	"ptbrelay/classify"
)

// shapesIPv6 are the cases that only IPv6 has.
func shapesIPv6() []shape {
	shapes := outerIPv6Shapes()
	return append(shapes, quoteIPv6Shapes()...)
}

func chain(headers ...Extension) []Extension { return headers }

// manyHeaders is a chain longer than anybody needs.
func manyHeaders() []Extension {
	var headers []Extension
	for range 9 {
		headers = append(headers, DestinationOptions(1))
	}
	return headers
}

func outerIPv6Shapes() []shape {
	addr := netip.MustParseAddr
	return []shape{
		{classify.Truncated, "length-beyond-bytes", KernelDrops, PTB{Length: new(uint16(57))}},
		{classify.Truncated, "length-65535", KernelDrops, PTB{Length: new(uint16(65535))}},
		{classify.Fragment, "first", Logged, PTB{Extensions: chain(Fragment(0, true))}},
		{classify.Fragment, "middle", NotMatched, PTB{Extensions: chain(Fragment(1, true))}},
		{classify.Fragment, "last", NotMatched, PTB{Extensions: chain(Fragment(150, false))}},
		{classify.Fragment, "behind-hop-by-hop", Logged, PTB{Extensions: chain(HopByHop(), Fragment(0, true))}},
		{classify.Fragment, "behind-atomic", Logged, PTB{Extensions: chain(Fragment(0, false), Fragment(0, true))}},
		{classify.Fragment, "hidden-by-atomic", Logged, PTB{Extensions: chain(Fragment(0, true), Fragment(0, false))}},
		{classify.NotPTB, "unreachable", NotMatched, PTB{Type: new(uint8(1))}},
		{classify.NotPTB, "time-exceeded", NotMatched, PTB{Type: new(uint8(3))}},
		{classify.NotPTB, "icmp-in-ipv6", NotMatched, PTB{Upper: 1, Type: new(uint8(3)), Code: new(uint8(4))}},
		{classify.NotPTB, "icmp-header-cut", Logged, PTB{Length: new(uint16(7))}},
		{classify.NotPTB, "jumbogram", KernelDrops, PTB{Length: new(uint16(0)), Extensions: chain(Jumbo(64))}},
		{classify.NotPTB, "length-0", NotMatched, PTB{Length: new(uint16(0))}},
		{classify.NotPTB, "extension-beyond-length", NotMatched, PTB{Length: new(uint16(8)), Extensions: chain(DestinationOptions(2))}},
		{classify.NotPTB, "no-next-header", NotMatched, PTB{Upper: 59}},
		{classify.NotPTB, "esp", NotMatched, PTB{Upper: 50}},
		{classify.NotPTB, "too-many-headers", Logged, PTB{Extensions: manyHeaders()}},
		{classify.NotPTB, "hop-by-hop-not-first", Logged, PTB{Extensions: chain(DestinationOptions(1), HopByHop())}},
		{classify.NotPTB, "segments-left", Logged, PTB{Extensions: chain(Routing(1))}},
		{classify.NotPTB, "segments-left-then-none", Logged, PTB{Extensions: chain(Routing(1), Routing(0))}},
		{classify.NotPTB, "router-unspecified", Logged, PTB{Router: addr("::")}},
		{classify.NotPTB, "router-loopback", KernelDrops, PTB{Router: addr("::1")}},
		{classify.NotPTB, "router-multicast", KernelDrops, PTB{Router: addr("ff02::1")}},
		{classify.NotPTB, "router-v4-mapped", Logged, PTB{Router: addr("::ffff:198.51.100.1")}},
		{classify.BadChecksum, "destination-options", Logged, PTB{Extensions: chain(DestinationOptions(2)), BreakChecksum: true}},
		{classify.Eligible, "code-1", Logged, PTB{Code: new(uint8(1))}},
		{classify.Eligible, "code-255", Logged, PTB{Code: new(uint8(255))}},
		{classify.Eligible, "hop-by-hop", Logged, PTB{Extensions: chain(HopByHop())}},
		{classify.Eligible, "atomic-fragment", Logged, PTB{Extensions: chain(Fragment(0, false))}},
		{classify.Eligible, "no-segments-left", Logged, PTB{Extensions: chain(Routing(0))}},
		{classify.Eligible, "destination-options", Logged, PTB{Extensions: chain(DestinationOptions(33))}},
		{classify.Eligible, "authentication-header", NotMatched, PTB{Extensions: chain(Authentication())}},
		{classify.Eligible, "eight-headers", Logged, PTB{Extensions: manyHeaders()[:8]}},
	}
}

func quoteIPv6Shapes() []shape {
	addr := netip.MustParseAddr
	return []shape{
		{classify.QuoteTruncated, "extension-header-cut", Logged, PTB{QuoteExtensions: chain(DestinationOptions(2)), QuoteCut: 16}},
		{classify.QuoteTruncated, "extension-headers-without-l4", Logged, PTB{QuoteExtensions: chain(HopByHop(), DestinationOptions(4)), QuoteCut: 1}},
		{classify.QuoteTruncated, "chain-cut-at-1280", Logged, PTB{QuoteExtensions: chain(DestinationOptions(147), Authentication()), QuoteBytes: 1232}},
		{classify.QuoteTruncated, "fragment-header-only", Logged, PTB{QuoteExtensions: chain(Fragment(3, false)), QuoteCut: 8}},
		{classify.QuoteInvalid, "too-many-headers", Logged, PTB{QuoteExtensions: manyHeaders()}},
		{classify.QuoteInvalid, "hop-by-hop-not-first", Logged, PTB{QuoteExtensions: chain(Routing(0), HopByHop())}},
		{classify.QuoteInvalid, "client-unspecified", Logged, PTB{Client: addr("::")}},
		{classify.QuoteInvalid, "client-loopback", Logged, PTB{Client: addr("::1")}},
		{classify.QuoteInvalid, "client-multicast", Logged, PTB{Client: addr("ff0e::1")}},
		{classify.QuoteInvalid, "client-v4-mapped", Logged, PTB{Client: addr("::ffff:203.0.113.9")}},
		{classify.QuoteInvalid, "source-unspecified", Logged, PTB{QuoteSource: addr("::")}},
		{classify.QuoteInvalid, "source-v4-mapped", Logged, PTB{QuoteSource: addr("::ffff:192.0.2.1")}},
		{classify.QuoteFragment, "middle", Logged, PTB{QuoteExtensions: chain(Fragment(1, true))}},
		{classify.QuoteFragment, "last", Logged, PTB{QuoteExtensions: chain(Fragment(185, false))}},
		{classify.QuoteFragment, "before-extension-number", Logged, PTB{QuoteExtensions: chain(Fragment(185, false)), Protocol: 60}},
		{classify.QuoteProtocol, "no-next-header", Logged, PTB{Protocol: 59}},
		{classify.QuoteProtocol, "mobility-header", Logged, PTB{QuoteExtensions: chain(Opaque(135))}},
		{classify.MTUTooLarge, "17-bits", Logged, PTB{MTU: 1<<16 + 1400}},
		{classify.MTUTooLarge, "largest", Logged, PTB{MTU: 1<<32 - 1}},
		{classify.Eligible, "quoted-hop-by-hop", Logged, PTB{QuoteExtensions: chain(HopByHop())}},
		{classify.Eligible, "quoted-routing", Logged, PTB{QuoteExtensions: chain(Routing(1))}},
		{classify.Eligible, "quoted-first-fragment", Logged, PTB{QuoteExtensions: chain(Fragment(0, true))}},
		{classify.Eligible, "quoted-authentication-header", Logged, PTB{QuoteExtensions: chain(Authentication())}},
		{classify.Eligible, "quoted-every-header", Logged, PTB{QuoteExtensions: chain(HopByHop(), DestinationOptions(1),
			Routing(0), Fragment(0, false), Authentication(), DestinationOptions(3))}},
	}
}
