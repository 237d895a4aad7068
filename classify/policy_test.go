package classify_test

import (
	"net/netip"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

// Each knob of the policy, turned alone, on the same good PTB.
func TestPolicyKnobs(t *testing.T) {
	prefix := netip.MustParsePrefix
	tests := []struct {
		name  string
		turn  func(p *classify.Policy)
		want4 classify.Verdict
		want6 classify.Verdict
	}{
		{"none", func(*classify.Policy) {}, classify.Eligible, classify.Eligible},
		{"no protocols", func(p *classify.Policy) { p.Protocols = classify.Protocols() }, classify.QuoteProtocol, classify.QuoteProtocol},
		{"udp only", func(p *classify.Policy) { p.Protocols = classify.Protocols(classify.UDP) }, classify.QuoteProtocol, classify.QuoteProtocol},
		{"no VIPs", func(p *classify.Policy) { p.VIPs = classify.Prefixes() }, classify.ForeignVIP, classify.ForeignVIP},
		{"all of IPv6", func(p *classify.Policy) { p.VIPs = classify.Prefixes(prefix("::/0")) }, classify.ForeignVIP, classify.Eligible},
		{"all of IPv4", func(p *classify.Policy) { p.VIPs = classify.Prefixes(prefix("0.0.0.0/0")) }, classify.Eligible, classify.ForeignVIP},
		{"all ports", func(p *classify.Policy) { p.Ports = classify.Ports() }, classify.Eligible, classify.Eligible},
		{"another port", func(p *classify.Policy) { p.Ports = classify.Ports(444) }, classify.ForeignPort, classify.ForeignPort},
		{"min4 at the MTU", func(p *classify.Policy) { p.MinMTU4 = 1400 }, classify.Eligible, classify.Eligible},
		{"min4 above", func(p *classify.Policy) { p.MinMTU4 = 1401 }, classify.MTUTooSmall, classify.Eligible},
		{"min6 above", func(p *classify.Policy) { p.MinMTU6 = 1401 }, classify.Eligible, classify.MTUTooSmall},
		{"max at the MTU", func(p *classify.Policy) { p.MaxMTU = 1400 }, classify.MTUTooLarge, classify.MTUTooLarge},
		{"max above", func(p *classify.Policy) { p.MaxMTU = 1401 }, classify.Eligible, classify.Eligible},
		{"no max", func(p *classify.Policy) { p.MaxMTU = 0 }, classify.MTUTooLarge, classify.MTUTooLarge},
		{"zero value", func(p *classify.Policy) { *p = classify.Policy{} }, classify.QuoteProtocol, classify.QuoteProtocol},
	}
	for _, test := range tests {
		policy := classifytest.Policy()
		test.turn(&policy)
		var d classify.Decoder
		if _, v := judge(&d, &policy, classifytest.PTB{}.Bytes()); v != test.want4 {
			t.Errorf("%s: ipv4 is %v, want %v", test.name, v, test.want4)
		}
		if _, v := judge(&d, &policy, classifytest.PTB{Family: classify.IPv6}.Bytes()); v != test.want6 {
			t.Errorf("%s: ipv6 is %v, want %v", test.name, v, test.want6)
		}
	}
}

func TestPolicyWithoutStrictLetsShortQuotesPass(t *testing.T) {
	policy := classifytest.Policy()
	policy.Strict = false
	var d classify.Decoder
	n := 0
	for _, c := range classifytest.Corpus() {
		if c.Verdict != classify.QuoteFits {
			continue
		}
		n++
		if _, v := judge(&d, &policy, c.Packet); v != classify.Eligible {
			t.Errorf("%s: %v without strict", c.Name, v)
		}
	}
	if n == 0 {
		t.Error("no packets")
	}
}

func TestProtocolSet(t *testing.T) {
	for p := range 256 {
		set := classify.Protocols(classify.Protocol(p), classify.TCP)
		for q := range 256 {
			want := q == p || q == int(classify.TCP)
			if got := set.Has(classify.Protocol(q)); got != want {
				t.Errorf("set of %d and tcp has %d: %v", p, q, got)
			}
		}
	}
	if classify.Protocols(classify.TCP, classify.UDP) != classify.Protocols(classify.UDP, classify.TCP, classify.UDP) {
		t.Error("equal sets differ")
	}
}

func TestPortSet(t *testing.T) {
	all := classify.Ports()
	some := classify.Ports(0, 63, 64, 443, 65535)
	want := map[uint16]bool{0: true, 63: true, 64: true, 443: true, 65535: true}
	for i := range 1 << 16 {
		port := uint16(i)
		if !all.Has(port) {
			t.Errorf("all ports lack %d", port)
		}
		if got := some.Has(port); got != want[port] {
			t.Errorf("some ports have %d: %v", port, got)
		}
	}
}
