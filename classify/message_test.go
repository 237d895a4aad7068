package classify_test

import (
	"testing"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

func TestMessageIsICMP(t *testing.T) {
	ipv6 := func(e ...classifytest.Extension) classifytest.PTB {
		return classifytest.PTB{Family: classify.IPv6, Extensions: e}
	}
	udp := func(p classifytest.PTB) classifytest.PTB {
		p.Upper = classify.UDP
		return p
	}
	behind := ipv6(classifytest.DestinationOptions(1), classifytest.Fragment(100, false))
	for _, c := range []struct {
		name string
		ptb  classifytest.PTB
		cut  int // bytes that are left; 0: all
		want classify.Verdict
		is   bool
	}{
		{"IPv4", classifytest.PTB{}, 0, classify.Eligible, true},
		{"IPv4 header alone", classifytest.PTB{}, 20, classify.Truncated, true},
		{"IPv4 fragment", classifytest.PTB{FragmentOffset: 100}, 0, classify.Fragment, true},
		{"IPv4 UDP", udp(classifytest.PTB{}), 0, classify.NotPTB, false},
		{"IPv4 UDP fragment", udp(classifytest.PTB{FragmentOffset: 100}), 0, classify.Fragment, false},
		{"IPv4 cut within its header", classifytest.PTB{}, 19, classify.NotIP, false},

		{"IPv6", ipv6(), 0, classify.Eligible, true},
		{"IPv6 header alone", ipv6(), 40, classify.Truncated, true},
		{"IPv6 fragment behind options", behind, 0, classify.Fragment, true},
		{"IPv6 UDP fragment behind options", udp(behind), 0, classify.Fragment, false},
		{"IPv6 cut behind options", behind, 40 + 16 + 8, classify.Truncated, true},
		{"IPv6 cut within options", behind, 40 + 7, classify.Truncated, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			packet := c.ptb.Bytes()
			if c.cut > 0 {
				packet = packet[:c.cut]
			}
			var d classify.Decoder
			m, v := d.Decode(exact(packet))
			if v != c.want || m.IsICMP() != c.is {
				t.Errorf("%v, ICMP: %v; want %v, %v", v, m.IsICMP(), c.want, c.is)
			}
		})
	}
}
