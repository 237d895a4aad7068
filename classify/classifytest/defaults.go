package classifytest

import (
	"net/netip"

	"ptbrelay/classify"
)

// Documentation addresses and ports (RFC 5737, RFC 3849) that a [PTB] has when
// nothing else is said.
var (
	VIP4    = netip.MustParseAddr("192.0.2.1")
	VIP6    = netip.MustParseAddr("2001:db8:ffff::1")
	Client4 = netip.MustParseAddr("203.0.113.9")
	Client6 = netip.MustParseAddr("2001:db8:c::9")
	Router4 = netip.MustParseAddr("198.51.100.1")
	Router6 = netip.MustParseAddr("2001:db8:a::1")
)

const (
	VIPPort    uint16       = 443
	ClientPort uint16       = 50000
	MTU        classify.MTU = 1400
	// QuoteTotal is the total length in bytes that a quote claims.
	QuoteTotal = 1500
)

// Policy is the policy under which [Corpus] has its verdicts:
//
//	protocols tcp, udp; ports 443, 53; VIPs 192.0.2.1/32, 2001:db8:ffff::1/128;
//	min4 576, min6 1280, max 1500; strict
func Policy() classify.Policy {
	return classify.Policy{
		Protocols: classify.Protocols(classify.TCP, classify.UDP),
		Ports:     classify.Ports(VIPPort, 53),
		VIPs:      classify.Prefixes(netip.PrefixFrom(VIP4, 32), netip.PrefixFrom(VIP6, 128)),
		MinMTU4:   576,
		MinMTU6:   1280,
		MaxMTU:    1500,
		Strict:    true,
	}
}
