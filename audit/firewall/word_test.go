package firewall

import (
	"bytes"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// drawWord draws a word of which some bits are known, and a value that it may be.
func drawWord(t *rapid.T, n int) (w word, value []byte) {
	w = make(word, n)
	value = rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "value")
	for i := range w {
		known := rapid.SampledFrom([]byte{0, 0xff, 0xff, 0xf0, 0x81}).Draw(t, "known")
		w[i] = octet{value: value[i] & known, known: known}
	}
	return w, value
}

func drawBytes(t *rapid.T, what string, n int) []byte {
	return rapid.SliceOfN(rapid.ByteRange(0, 255), n, n).Draw(t, what)
}

// holdsFor checks a three-valued answer against the truth for one value.
func holdsFor(t *rapid.T, what string, m match, truth bool) {
	if m == yes && !truth || m == no && truth {
		t.Errorf("%s: %v, in truth %v", what, m, truth)
	}
}

// What is certain of a word holds for every value that it may have.
func TestWordIsRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(t, "bytes")
		w, v := drawWord(t, n)
		a, b := drawBytes(t, "from", n), drawBytes(t, "to", n)
		if rapid.Bool().Draw(t, "near") {
			copy(a, v[:n-1])
		}
		holdsFor(t, "equals", w.equals(a), bytes.Equal(v, a))
		holdsFor(t, "within", w.within(a, b), bytes.Compare(a, v) <= 0 && bytes.Compare(v, b) <= 0)
		mask, xor := drawBytes(t, "mask", n), drawBytes(t, "xor", n)
		masked := bytes.Clone(v)
		for i := range masked {
			masked[i] = masked[i]&mask[i] ^ xor[i]
		}
		holdsFor(t, "mask", w.mask(mask, xor).equals(masked), true)
		other, _ := drawWord(t, n)
		holdsFor(t, "join", w.join(other).equals(v), true)
		for _, op := range []operator{equal, notEqual, less, lessOrEqual, greater, greaterOrEqual} {
			r := run{}
			r.put(0, w)
			c := bytes.Compare(v, a)
			truth := map[operator]bool{equal: c == 0, notEqual: c != 0, less: c < 0, lessOrEqual: c <= 0, greater: c > 0, greaterOrEqual: c >= 0}[op]
			holdsFor(t, "compare", compare{0, op, a}.eval(&r), truth)
		}
	})
}

// What is wholly known is certain.
func TestWordKnown(t *testing.T) {
	w := constant(1, 2, 3, 4)
	for _, c := range []struct {
		got, want match
		what      string
	}{
		{w.equals([]byte{1, 2, 3, 4}), yes, "equals"},
		{w.equals([]byte{1, 2, 3, 5}), no, "equals another"},
		{w.within([]byte{1, 0, 0, 0}, []byte{1, 255, 0, 0}), yes, "within"},
		{w.within([]byte{1, 2, 3, 5}, []byte{2, 0, 0, 0}), no, "below"},
		{unknown(4).equals([]byte{1, 2, 3, 4}), maybe, "unknown"},
		{unknown(2).mask([]byte{0, 0xf}, []byte{0, 0x10}).equals([]byte{0, 0x15}), maybe, "masked"},
		{unknown(2).mask([]byte{0, 0xf}, []byte{0, 0x10}).equals([]byte{0, 0x05}), no, "masked, another bit"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
}

// Fields of which some values are ruled out.
func TestOrigins(t *testing.T) {
	addr := func(s string) []byte { return netip.MustParseAddr(s).AsSlice() }
	lo, eth0 := wholeName("lo"), wholeName("eth0")
	for _, c := range []struct {
		what string
		got  match
		want match
	}{
		{"private source", sourceIPv4.word().equals(addr("10.1.2.3")), no},
		{"public source", sourceIPv4.word().equals(addr("192.0.2.7")), maybe},
		{"10/8", sourceIPv4.word().mask([]byte{255, 0, 0, 0}, make([]byte, 4)).equals(addr("10.0.0.0")), no},
		{"10/8 by its first byte", sourceIPv4.word()[:1].equals([]byte{10}), no},
		{"172/8, of which a part is public", sourceIPv4.word()[:1].equals([]byte{172}), maybe},
		{"172.16/12", sourceIPv4.word().mask([]byte{255, 240, 0, 0}, make([]byte, 4)).equals(addr("172.16.0.0")), no},
		{"second byte 10", sourceIPv4.word()[1:2].equals([]byte{10}), maybe},
		{"scattered mask", sourceIPv4.word().mask([]byte{0xff, 0, 0xff, 0}, make([]byte, 4)).equals(addr("10.0.0.0")), maybe},
		{"turned bits", sourceIPv4.word().mask([]byte{255, 255, 255, 255}, []byte{1, 0, 0, 0}).equals(addr("10.0.0.0")), maybe},
		{"private range", sourceIPv4.word().within(addr("192.168.3.0"), addr("192.168.4.255")), no},
		{"range partly private", sourceIPv4.word().within(addr("192.168.3.0"), addr("192.169.0.0")), maybe},
		{"ULA source", sourceIPv6.word()[:1].equals([]byte{0xfd}), no},
		{"link-local source", sourceIPv6.word().mask(append([]byte{0xff, 0xc0}, make([]byte, 14)...), make([]byte, 16)).equals(addr("fe80::")), no},
		{"public source", sourceIPv6.word().equals(addr("2001:db8::1")), maybe},
		{"multicast VIP", destinationIPv4.word().mask([]byte{0xf0, 0, 0, 0}, make([]byte, 4)).equals(addr("224.0.0.0")), no},
		{"private VIP", destinationIPv4.word().equals(addr("10.0.0.1")), maybe},
		{"loopback", destinationIPv6.word().equals(addr("::1")), no},
		{"lo", interfaceName.word().equals(lo), no},
		{"lo*", interfaceName.word()[:2].equals(lo[:2]), maybe},
		{"eth0", interfaceName.word().equals(eth0), maybe},
		{"behind another field", append(constant(6), interfaceName.word()...).equals(append([]byte{6}, lo...)), no},
		{"eth0 when it has none of the names", elsewhere([][]byte{eth0}).name.equals(eth0), no},
		{"eth1 when it is not eth0", elsewhere([][]byte{eth0}).name.equals(wholeName("eth1")), maybe},
		{"cali1 when it does not begin so", elsewhere([][]byte{[]byte("cali")}).name.equals(wholeName("cali1")), no},
		{"cali1 when it begins so", called([]byte("cali")).name.equals(wholeName("cali1")), maybe},
		{"eth0 when it begins otherwise", called([]byte("cali")).name.equals(eth0), no},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
}
