package classify_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

// good is a packet that Decode finds sound.
type good struct {
	name   string
	ptb    classifytest.PTB
	icmp   int // offset of the ICMP header
	base   classify.Message
	change func(m *classify.Message) // nil: none
}

// goodPackets have the expectation written out by hand, every field of it.
func goodPackets() []good {
	addr := netip.MustParseAddr
	flow := func(p classify.Protocol, vip, client string) classify.Flow {
		return classify.MakeFlow(p, netip.MustParseAddrPort(vip), netip.MustParseAddrPort(client))
	}
	v4 := classify.Message{
		Family: classify.IPv4, Router: addr("198.51.100.1"), VIP: addr("192.0.2.1"),
		QuoteSource: addr("192.0.2.1"), QuoteLength: 1500, MTU: 1400,
		Flow: flow(classify.TCP, "192.0.2.1:443", "203.0.113.9:50000"),
	}
	v6 := classify.Message{
		Family: classify.IPv6, Router: addr("2001:db8:a::1"), VIP: addr("2001:db8:ffff::1"),
		QuoteSource: addr("2001:db8:ffff::1"), QuoteLength: 1500, MTU: 1400,
		Flow: flow(classify.TCP, "[2001:db8:ffff::1]:443", "[2001:db8:c::9]:50000"),
	}
	const ip6 = classify.IPv6
	return []good{
		{"minimal", classifytest.PTB{}, 20, v4, nil},
		{"minimal", classifytest.PTB{Family: ip6}, 40, v6, nil},
		{"mtu", classifytest.PTB{MTU: 65535}, 20, v4, func(m *classify.Message) { m.MTU = 65535 }},
		{"mtu 0", classifytest.PTB{ZeroMTU: true}, 20, v4, func(m *classify.Message) { m.MTU = 0 }},
		{"mtu of 32 bits", classifytest.PTB{Family: ip6, MTU: 0x01020304}, 40, v6, func(m *classify.Message) { m.MTU = 0x01020304 }},
		{"high half of the word is not MTU", classifytest.PTB{MTU: 0xabcd0578}, 20, v4, nil},
		{"router", classifytest.PTB{Router: addr("10.0.0.1")}, 20, v4, func(m *classify.Message) { m.Router = addr("10.0.0.1") }},
		{"router", classifytest.PTB{Family: ip6, Router: addr("fe80::1")}, 40, v6, func(m *classify.Message) { m.Router = addr("fe80::1") }},
		{"options", classifytest.PTB{Options: make([]byte, 12)}, 32, v4, nil},
		{"headers", classifytest.PTB{Family: ip6, Extensions: []classifytest.Extension{
			classifytest.HopByHop(), classifytest.Authentication(), classifytest.DestinationOptions(2)}}, 88, v6, nil},
		{"quoted length", classifytest.PTB{QuoteLength: new(uint16(7292))}, 20, v4, func(m *classify.Message) { m.QuoteLength = 7292 }},
		{"quoted length", classifytest.PTB{Family: ip6, QuoteLength: new(uint16(65535))}, 40, v6, func(m *classify.Message) { m.QuoteLength = 65575 }},
		{"quoted length 0", classifytest.PTB{Family: ip6, QuoteLength: new(uint16(0))}, 40, v6, func(m *classify.Message) { m.QuoteLength = 0 }},
		{"quoted source", classifytest.PTB{QuoteSource: addr("192.0.2.7")}, 20, v4, func(m *classify.Message) {
			m.QuoteSource = addr("192.0.2.7")
			m.Flow = flow(classify.TCP, "192.0.2.7:443", "203.0.113.9:50000")
		}},
		{"quoted options", classifytest.PTB{QuoteOptions: make([]byte, 40)}, 20, v4, nil},
		{"quoted headers", classifytest.PTB{Family: ip6, QuoteExtensions: []classifytest.Extension{
			classifytest.HopByHop(), classifytest.Fragment(0, true), classifytest.Authentication()}}, 40, v6, nil},
		{"udp", classifytest.PTB{Protocol: classify.UDP, VIPPort: 53, ClientPort: 1}, 20, v4, func(m *classify.Message) {
			m.Flow = flow(classify.UDP, "192.0.2.1:53", "203.0.113.9:1")
		}},
		{"sctp", classifytest.PTB{Protocol: classify.SCTP}, 20, v4, func(m *classify.Message) {
			m.Flow = flow(classify.SCTP, "192.0.2.1:443", "203.0.113.9:50000")
		}},
		{"dccp", classifytest.PTB{Family: ip6, Protocol: classify.DCCP}, 40, v6, func(m *classify.Message) {
			m.Flow = flow(classify.DCCP, "[2001:db8:ffff::1]:443", "[2001:db8:c::9]:50000")
		}},
		{"no ports", classifytest.PTB{Protocol: 50}, 20, v4, func(m *classify.Message) {
			m.Flow = flow(50, "192.0.2.1:0", "203.0.113.9:0")
		}},
	}
}

func TestDecodeGood(t *testing.T) {
	for _, test := range goodPackets() {
		packet := test.ptb.Bytes()
		want := test.base
		want.Packet, want.ICMP = packet, packet[test.icmp:]
		if test.change != nil {
			test.change(&want)
		}
		t.Run(want.Family.String()+" "+test.name, func(t *testing.T) {
			var d classify.Decoder
			got, v := d.Decode(packet)
			if diff := cmp.Diff(&want, got, comparers...); diff != "" || v != classify.Eligible {
				t.Errorf("verdict %v, message (-want +got):\n%s", v, diff)
			}
		})
	}
}

// Where a packet has two faults, the one that comes first in the order of
// judgement names it.
func TestOrderOfJudgement(t *testing.T) {
	faults := []struct {
		verdict classify.Verdict
		apply   func(p *classifytest.PTB)
	}{
		{classify.NotIP, func(p *classifytest.PTB) { p.Version = new(uint8(3)) }},
		{classify.Truncated, func(p *classifytest.PTB) { p.Cut = 1 }},
		{classify.Fragment, func(p *classifytest.PTB) {
			p.MoreFragments = true
			p.Extensions = []classifytest.Extension{classifytest.Fragment(0, true)}
		}},
		{classify.NotPTB, func(p *classifytest.PTB) { p.Type = new(uint8(11)) }},
		{classify.BadChecksum, func(p *classifytest.PTB) { p.BreakChecksum = true }},
		{classify.QuoteTruncated, func(p *classifytest.PTB) { p.QuoteCut = 1 }},
		{classify.QuoteInvalid, func(p *classifytest.PTB) { p.QuoteVersion = new(uint8(5)) }},
		{classify.QuoteFragment, func(p *classifytest.PTB) {
			p.QuoteOffset = 5
			p.QuoteExtensions = []classifytest.Extension{classifytest.Fragment(5, false)}
		}},
		{classify.QuoteProtocol, func(p *classifytest.PTB) { p.Protocol = 1 }},
		{classify.QuoteMismatch, func(p *classifytest.PTB) {
			p.QuoteSource = netip.MustParseAddr("192.0.2.9")
			if p.Family == classify.IPv6 {
				p.QuoteSource = netip.MustParseAddr("2001:db8::9")
			}
		}},
		{classify.ForeignVIP, func(p *classifytest.PTB) {
			p.VIP = netip.MustParseAddr("192.0.2.8")
			if p.Family == classify.IPv6 {
				p.VIP = netip.MustParseAddr("2001:db8::8")
			}
		}},
		{classify.ForeignPort, func(p *classifytest.PTB) { p.VIPPort = 80 }},
		{classify.MTUTooSmall, func(p *classifytest.PTB) { p.MTU = 100 }},
		{classify.MTUTooLarge, func(p *classifytest.PTB) { p.MTU = 9000 }},
		{classify.QuoteFits, func(p *classifytest.PTB) { p.QuoteLength = new(uint16(60)) }},
	}
	var d classify.Decoder
	policy := classifytest.Policy()
	for _, family := range []classify.Family{classify.IPv4, classify.IPv6} {
		for i, first := range faults {
			p := classifytest.PTB{Family: family}
			first.apply(&p)
			if _, v := judge(&d, &policy, p.Bytes()); v != first.verdict {
				t.Errorf("%v, fault %v alone: %v", family, first.verdict, v)
			}
			for _, second := range faults[i+1:] {
				if first.verdict == classify.MTUTooSmall && second.verdict == classify.MTUTooLarge {
					continue // no MTU is both
				}
				p := classifytest.PTB{Family: family}
				second.apply(&p)
				first.apply(&p)
				if _, v := judge(&d, &policy, p.Bytes()); v != first.verdict {
					t.Errorf("%v, faults %v and %v: %v", family, first.verdict, second.verdict, v)
				}
			}
		}
	}
}
