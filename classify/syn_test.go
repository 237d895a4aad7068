package classify_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

// synOf is what a builder's SYN reads like when nothing is wrong with it.
func synOf(family classify.Family, change func(*classify.SYN)) classify.SYN {
	s := classify.SYN{
		Family: classify.IPv4, Client: classifytest.Client4, Server: classifytest.VIP4,
		ClientPort: 50000, ServerPort: 443, MSS: 1460, HasMSS: true,
	}
	if family == classify.IPv6 {
		s.Family, s.Client, s.Server, s.MSS = classify.IPv6, classifytest.Client6, classifytest.VIP6, 1440
	}
	if change != nil {
		change(&s)
	}
	return s
}

func TestDecodeSYN(t *testing.T) {
	addr := netip.MustParseAddr
	const ip6 = classify.IPv6
	none := func(s *classify.SYN) { s.MSS, s.HasMSS = 0, false }
	mss := func(v uint16) func(*classify.SYN) { return func(s *classify.SYN) { s.MSS = v } }
	cutNone := func(s *classify.SYN) { s.MSS, s.HasMSS, s.Cut = 0, false, true }
	options := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	mss1300, nop := classifytest.MSSOption(1300), []byte{1}
	for _, test := range []struct {
		name   string
		syn    classifytest.SYN
		change func(*classify.SYN)
	}{
		{"linux", classifytest.SYN{}, nil},
		{"linux", classifytest.SYN{Family: ip6}, nil},
		{"mss", classifytest.SYN{MSS: 536}, mss(536)},
		{"largest mss", classifytest.SYN{Family: ip6, MSS: 65535}, mss(65535)},
		{"addresses", classifytest.SYN{Client: addr("203.0.113.77"), Server: addr("192.0.2.5")}, func(s *classify.SYN) {
			s.Client, s.Server = addr("203.0.113.77"), addr("192.0.2.5")
		}},
		{"ports", classifytest.SYN{ClientPort: 1, ServerPort: 65535}, func(s *classify.SYN) { s.ClientPort, s.ServerPort = 1, 65535 }},
		{"asks for ECN", classifytest.SYN{Flags: new(uint8(0xc2))}, nil},
		{"pushes and is urgent", classifytest.SYN{Flags: new(uint8(0x2a))}, nil},
		{"payload", classifytest.SYN{Payload: make([]byte, 101)}, nil},
		{"padding", classifytest.SYN{NoOptions: true, Padding: 6}, none},
		{"padding", classifytest.SYN{Family: ip6, NoOptions: true, Padding: 6}, none},
		{"no options", classifytest.SYN{NoOptions: true}, none},
		{"no mss", classifytest.SYN{TCPOptions: []byte{4, 2, 1, 1}}, none},
		{"mss 0", classifytest.SYN{TCPOptions: classifytest.MSSOption(0)}, none},
		{"mss of 3 bytes", classifytest.SYN{TCPOptions: []byte{2, 3, 5, 1}}, none},
		{"mss of 6 bytes", classifytest.SYN{TCPOptions: []byte{2, 6, 5, 1, 1, 1, 1, 1}}, none},
		{"behind NOPs", classifytest.SYN{TCPOptions: options(nop, nop, nop, mss1300)}, mss(1300)},
		{"behind an unknown option", classifytest.SYN{TCPOptions: options([]byte{253, 4, 0, 0}, mss1300)}, mss(1300)},
		{"behind the end", classifytest.SYN{TCPOptions: options([]byte{0, 0, 0, 0}, mss1300)}, none},
		{"behind an option of 0 bytes", classifytest.SYN{TCPOptions: options([]byte{253, 0, 1, 1}, mss1300)}, none},
		{"behind an option of 1 byte", classifytest.SYN{TCPOptions: options([]byte{253, 1, 1, 1}, mss1300)}, none},
		{"behind an option beyond the end", classifytest.SYN{TCPOptions: options([]byte{253, 9, 1, 1}, mss1300)}, none},
		{"before an option beyond the end", classifytest.SYN{TCPOptions: options(mss1300, []byte{253, 9, 1, 1})}, mss(1300)},
		{"kind without length at the end", classifytest.SYN{TCPOptions: options(mss1300, nop, nop, nop, []byte{2})}, mss(1300)},
		{"two", classifytest.SYN{TCPOptions: options(mss1300, classifytest.MSSOption(1400))}, mss(1400)},
		{"a second of 0", classifytest.SYN{TCPOptions: options(mss1300, classifytest.MSSOption(0))}, mss(1300)},
		{"header claims more than the options", classifytest.SYN{HeaderWords: new(uint8(11)), Payload: make([]byte, 4)}, nil},
		{"header without its options", classifytest.SYN{HeaderWords: new(uint8(5))}, none},
		{"ip options", classifytest.SYN{Options: make([]byte, 12)}, nil},
		{"extension headers", classifytest.SYN{Family: ip6, Extensions: []classifytest.Extension{
			classifytest.HopByHop(), classifytest.DestinationOptions(2), classifytest.Routing(0), classifytest.Fragment(0, false)}}, nil},
		{"first fragment", classifytest.SYN{MoreFragments: true}, nil},
		{"first fragment", classifytest.SYN{Family: ip6, Extensions: []classifytest.Extension{classifytest.Fragment(0, true)}}, nil},
		{"cut behind the options", classifytest.SYN{Payload: make([]byte, 10), Cut: 10}, nil},
		{"cut behind the mss", classifytest.SYN{Cut: 16}, func(s *classify.SYN) { s.Cut = true }},
		{"cut in the mss", classifytest.SYN{Cut: 17}, cutNone},
		{"cut before the options", classifytest.SYN{Family: ip6, Cut: 20}, cutNone},
		{"cut behind the flags", classifytest.SYN{Cut: 26}, cutNone},
	} {
		want := synOf(test.syn.Family, test.change)
		t.Run(want.Family.String()+" "+test.name, func(t *testing.T) {
			got, ok := classify.DecodeSYN(test.syn.Bytes())
			if diff := cmp.Diff(want, got, comparers...); diff != "" || !ok {
				t.Errorf("ok %v, SYN (-want +got):\n%s", ok, diff)
			}
		})
	}
}

// What opens no connection, or may be a part of something else, is none.
func TestDecodeSYNRefuses(t *testing.T) {
	addr := netip.MustParseAddr
	const ip6 = classify.IPv6
	chain := func(e ...classifytest.Extension) []classifytest.Extension { return e }
	for name, syn := range map[string]classifytest.SYN{
		"syn and ack":                     {Flags: new(uint8(0x12))},
		"ack":                             {Flags: new(uint8(0x10))},
		"syn and rst":                     {Flags: new(uint8(0x06))},
		"syn and fin":                     {Flags: new(uint8(0x03))},
		"no flags":                        {Flags: new(uint8(0))},
		"udp":                             {Upper: classify.UDP},
		"udp 6":                           {Family: ip6, Upper: classify.UDP},
		"version 5":                       {Version: new(uint8(5))},
		"version 6 of ipv4":               {Version: new(uint8(6))},
		"ip header of 4 words":            {IPHeaderWords: new(uint8(4))},
		"ip header beyond the bytes":      {IPHeaderWords: new(uint8(15)), Cut: 24},
		"ip length below its header":      {Length: new(uint16(19))},
		"ip length within the TCP header": {Length: new(uint16(39))},
		"ip length within the options":    {Length: new(uint16(44))},
		"length of 0 in ipv6":             {Family: ip6, Length: new(uint16(0))},
		"length within the options 6":     {Family: ip6, Length: new(uint16(24))},
		"tcp header of 4 words":           {HeaderWords: new(uint8(4))},
		"tcp header beyond the packet":    {HeaderWords: new(uint8(15))},
		"second fragment":                 {FragmentOffset: 1},
		"second fragment 6":               {Family: ip6, Extensions: chain(classifytest.Fragment(1, true))},
		"second behind an atomic one":     {Family: ip6, Extensions: chain(classifytest.Fragment(0, false), classifytest.Fragment(3, false))},
		"segments left":                   {Family: ip6, Extensions: chain(classifytest.Routing(1))},
		"esp":                             {Family: ip6, Extensions: chain(classifytest.Opaque(50))},
		"hop-by-hop not first":            {Family: ip6, Extensions: chain(classifytest.DestinationOptions(1), classifytest.HopByHop())},
		"cut before the flags":            {Cut: 27},
		"cut in the ports":                {Family: ip6, Cut: 37},
		"cut in the ip header":            {Cut: 41},
		"from loopback":                   {Client: addr("127.0.0.1")},
		"from loopback 6":                 {Family: ip6, Client: addr("::1")},
		"from nowhere":                    {Client: addr("0.0.0.0")},
		"to multicast":                    {Server: addr("224.0.0.1")},
		"to multicast 6":                  {Family: ip6, Server: addr("ff02::1")},
		"from v4-mapped":                  {Family: ip6, Client: addr("::ffff:192.0.2.7")},
	} {
		if got, ok := classify.DecodeSYN(syn.Bytes()); ok || got != (classify.SYN{}) {
			t.Errorf("%s: ok %v, %+v", name, ok, got)
		}
	}
	for _, c := range classifytest.Corpus() {
		if got, ok := classify.DecodeSYN(c.Packet); ok {
			t.Errorf("%s is the SYN %+v", c.Name, got)
		}
	}
}

func TestDecodeSYNDoesNotAllocate(t *testing.T) {
	for _, family := range []classify.Family{classify.IPv4, classify.IPv6} {
		packet := classifytest.SYN{Family: family}.Bytes()
		if n := testing.AllocsPerRun(100, func() { classify.DecodeSYN(packet) }); n != 0 {
			t.Errorf("%v: %v allocations", family, n)
		}
	}
}

func BenchmarkDecodeSYN(b *testing.B) {
	for _, family := range []classify.Family{classify.IPv4, classify.IPv6} {
		b.Run(fmt.Sprint(family), func(b *testing.B) {
			packet := classifytest.SYN{Family: family}.Bytes()
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := classify.DecodeSYN(packet); !ok {
					b.Fatal("refused")
				}
			}
		})
	}
}
