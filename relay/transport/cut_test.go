package transport

import (
	"bytes"
	"slices"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

// eligible decodes and judges a packet; it fails the test for one that is not
// eligible.
func eligible(t testing.TB, packet []byte) *classify.Message {
	t.Helper()
	m, v := judge(packet)
	if v != classify.Eligible {
		t.Fatalf("the packet is %v", v)
	}
	return m
}

// judge is what a receiver does with a packet.
func judge(packet []byte) (*classify.Message, classify.Verdict) {
	var d classify.Decoder
	policy := classifytest.Policy()
	m, v := d.Decode(packet)
	if v == classify.Eligible {
		v = policy.Classify(m)
	}
	return m, v
}

// longPTBs are eligible and longer than MaxPacket.
func longPTBs() map[string]classifytest.PTB {
	return map[string]classifytest.PTB{
		"IPv4 1281":        {QuoteBytes: 1253},
		"IPv4 1500":        {QuoteBytes: 1472},
		"IPv4 jumbo":       {QuoteBytes: 8972},
		"IPv4 options":     {QuoteBytes: 1300, Options: make([]byte, 40), QuoteOptions: make([]byte, 40)},
		"IPv4 extensions":  {QuoteBytes: 1016, ExtensionObjects: bytes.Repeat(classifytest.MPLSLabel(), 60)},
		"IPv4 UDP":         {QuoteBytes: 1300, Protocol: classify.UDP, VIPPort: 53},
		"IPv4 padding":     {QuoteBytes: 1253, Padding: 20},
		"IPv4 largest MTU": {QuoteBytes: 1300, MTU: 1499},
		"IPv6 1281":        {Family: classify.IPv6, QuoteBytes: 1233},
		"IPv6 jumbo":       {Family: classify.IPv6, QuoteBytes: 8952},
		"IPv6 extensions":  {Family: classify.IPv6, QuoteBytes: 1016, ExtensionObjects: bytes.Repeat(classifytest.MPLSLabel(), 60)},
		"IPv6 headers": {Family: classify.IPv6, QuoteBytes: 1300,
			Extensions:      []classifytest.Extension{classifytest.HopByHop(), classifytest.DestinationOptions(33), classifytest.Authentication()},
			QuoteExtensions: []classifytest.Extension{classifytest.DestinationOptions(33), classifytest.Fragment(0, false)}},
	}
}

// What is cut teaches the same as the whole: verdict, flow and MTU, from the same
// router; and it is a right packet, of which only lengths and checksums are new.
func TestCut(t *testing.T) {
	for name, p := range longPTBs() {
		t.Run(name, func(t *testing.T) {
			packet := p.Bytes()
			whole := eligible(t, packet)
			dst := make([]byte, 5, MaxPacket)
			short := cut(dst, whole)
			if &short[0] != &dst[0] {
				t.Error("it is not in dst")
			}
			checkCut(t, whole, short)
			m := eligible(t, short)
			if m.Key() != whole.Key() || m.Router != whole.Router || m.VIP != whole.VIP || m.QuoteSource != whole.QuoteSource || m.QuoteLength != whole.QuoteLength {
				t.Errorf("%+v became\n%+v", whole, m)
			}
			if !bytes.Equal(packet, p.Bytes()) {
				t.Error("cut changed the packet")
			}
		})
	}
}

// checkCut: 1280 bytes, right in every length and checksum, and nothing else is new.
func checkCut(t *testing.T, whole *classify.Message, short []byte) {
	t.Helper()
	if len(short) != 1280 {
		t.Fatalf("%d bytes", len(short))
	}
	mended := bytes.Clone(short)
	classifytest.MendLength(mended)
	classifytest.MendHeader(mended)
	classifytest.MendICMP(mended)
	if !bytes.Equal(mended, short) {
		t.Errorf("a length or a checksum is wrong in\n%x, right is\n%x", short, mended)
	}
	icmp := len(whole.Packet) - len(whole.ICMP)
	mayChange := []int{4, 5, icmp + 2, icmp + 3}
	if whole.Family == classify.IPv4 {
		mayChange = []int{2, 3, 10, 11, icmp + 2, icmp + 3, icmp + 5}
		if short[icmp+5] != 0 {
			t.Errorf("the length of the original datagram is %d words, want 0", short[icmp+5])
		}
	}
	for i := range short {
		if short[i] != whole.Packet[i] && !slices.Contains(mayChange, i) {
			t.Errorf("byte %d changed from %#x to %#x", i, whole.Packet[i], short[i])
		}
	}
}

// A packet that fits is left alone, broken header checksum and all.
func TestCutLeavesWhatFits(t *testing.T) {
	for _, p := range []classifytest.PTB{
		{}, {QuoteBytes: 1252}, {QuoteBytes: 1252, Padding: 100}, {BreakHeaderChecksum: true},
		{QuoteBytes: 1016, ExtensionObjects: classifytest.MPLSLabel()},
		{Family: classify.IPv6}, {Family: classify.IPv6, QuoteBytes: 1232},
	} {
		packet := p.Bytes()
		m := eligible(t, packet)
		got := cut(nil, m)
		if len(got) != len(m.Packet) || &got[0] != &packet[0] || !bytes.Equal(packet, p.Bytes()) {
			t.Errorf("%d bytes became %d", len(m.Packet), len(got))
		}
	}
}

// Headers of a made-up packet may leave no room for what names the flow. What is
// left is no PTB, or one with too short a quote, and says so itself.
func TestCutWithinHeaders(t *testing.T) {
	headers := func(units ...int) (chain []classifytest.Extension) {
		for _, n := range units {
			chain = append(chain, classifytest.DestinationOptions(n))
		}
		return chain
	}
	for name, c := range map[string]struct {
		outer, quoted []classifytest.Extension
		want          classify.Verdict
	}{
		"within the quoted chain":   {nil, headers(100, 100), classify.QuoteTruncated},
		"before the quote":          {headers(100, 54), nil, classify.QuoteTruncated},
		"before the ICMPv6 message": {headers(100, 55), nil, classify.NotPTB},
		"within the chain":          {headers(100, 100), nil, classify.NotPTB},
	} {
		packet := classifytest.PTB{Family: classify.IPv6, Extensions: c.outer, QuoteExtensions: c.quoted}.Bytes()
		short := cut(nil, eligible(t, packet))
		if _, got := judge(short); got != c.want || len(short) != MaxPacket {
			t.Errorf("%s: %v of %d bytes, want %v", name, got, len(short), c.want)
		}
	}
}

func TestCutDoesNotAllocate(t *testing.T) {
	dst := make([]byte, MaxPacket)
	for name, p := range longPTBs() {
		m := eligible(t, p.Bytes())
		if n := testing.AllocsPerRun(10, func() { cut(dst, m) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// FuzzCut: of any eligible packet a right one of at most 1280 bytes is left, that
// teaches the same.
func FuzzCut(f *testing.F) {
	for _, c := range classifytest.Corpus() {
		f.Add(c.Packet, uint16(0))
		f.Add(c.Packet, uint16(1400))
	}
	for _, p := range longPTBs() {
		f.Add(p.Bytes(), uint16(0))
	}
	f.Fuzz(func(t *testing.T, packet []byte, longer uint16) {
		packet = append(bytes.Clone(packet), make([]byte, longer%9000)...)
		classifytest.MendLength(packet)
		classifytest.MendHeader(packet)
		classifytest.MendICMP(packet)
		m, v := judge(packet)
		if v != classify.Eligible {
			return // nobody cuts these
		}
		short := cut(make([]byte, 0, MaxPacket), m)
		if len(m.Packet) <= 1280 {
			if &short[0] != &m.Packet[0] || len(short) != len(m.Packet) {
				t.Fatal("what fits was not left alone")
			}
			return
		}
		got, verdict := judge(short)
		if headersFill(m) && (verdict == classify.NotPTB || verdict == classify.QuoteTruncated) {
			return
		}
		checkCut(t, m, short)
		if verdict != classify.Eligible || got.Key() != m.Key() || got.Family != m.Family {
			t.Fatalf("%x\nbecame %v\n%x", m.Packet, verdict, short)
		}
	})
}

// headersFill tells whether extension headers may reach beyond the cut: without
// any, the ICMPv6 header and the quoted one begin at fixed places.
func headersFill(m *classify.Message) bool {
	const icmpv6 = 58
	if m.Family != classify.IPv6 {
		return false
	}
	return m.Packet[6] != icmpv6 || m.ICMP[8+6] != byte(m.Flow.Protocol())
}
