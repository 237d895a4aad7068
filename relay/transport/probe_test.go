package transport

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
)

func addresses(n int) (list []netip.Addr) {
	for i := range n {
		if i%2 == 0 {
			list = append(list, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
		} else {
			list = append(list, netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i)}))
		}
	}
	return list
}

// The payload of a probe, byte for byte.
func TestProbePayload(t *testing.T) {
	got := appendAddresses(nil, []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::2")})
	want := "\x02" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02"
	if string(got) != want {
		t.Errorf("%x, want %x", got, want)
	}
}

// The payload of a receipt, byte for byte.
func TestReceiptPayload(t *testing.T) {
	r := receipt{
		session: session{1, 2, 15: 3},
		counter: 0x0102030405060708,
		answer:  Answer{Delivers: DeliversPaused, Missing: []netip.Addr{netip.MustParseAddr("192.0.2.1")}},
	}
	want := "\x01\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03" +
		"\x01\x02\x03\x04\x05\x06\x07\x08" + "\x02" + "\x01" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01"
	if got := r.append(nil); string(got) != want {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestPayloadsRoundTrip(t *testing.T) {
	for n := range MaxProbeVIPs + 2 {
		list := addresses(n)
		want := list[:min(n, MaxProbeVIPs)]
		if got, ok := parseAddresses(appendAddresses(nil, list)); !ok || !slices.Equal(got, want) {
			t.Errorf("%d addresses: %v, %v", n, got, ok)
		}
		r := receipt{session: newSession(), counter: uint64(n), answer: Answer{Delivers: Delivers(n % 3), Missing: list}}
		got, ok := parseReceipt(r.append(nil))
		if !ok || got.session != r.session || got.counter != r.counter || got.answer.Delivers != r.answer.Delivers || !slices.Equal(got.answer.Missing, want) {
			t.Errorf("%+v, %v, want %+v", got, ok, r)
		}
	}
}

// A payload cut anywhere is refused; what a newer version appends is not.
func TestPayloadsOfOtherLength(t *testing.T) {
	r := receipt{answer: Answer{Missing: addresses(3)}}
	probe, answer := appendAddresses(nil, addresses(3)), r.append(nil)
	for n := range probe {
		if _, ok := parseAddresses(probe[:n]); ok {
			t.Errorf("a probe of %d bytes is taken", n)
		}
	}
	for n := range answer {
		if _, ok := parseReceipt(answer[:n]); ok {
			t.Errorf("a receipt of %d bytes is taken", n)
		}
	}
	more := bytes.Repeat([]byte{0xee}, 100)
	if got, ok := parseAddresses(append(probe, more...)); !ok || len(got) != 3 {
		t.Errorf("a longer probe: %v, %v", got, ok)
	}
	if got, ok := parseReceipt(append(answer, more...)); !ok || len(got.answer.Missing) != 3 {
		t.Errorf("a longer receipt: %v, %v", got, ok)
	}
	if _, ok := parseAddresses(append([]byte{MaxProbeVIPs + 1}, make([]byte, 1000)...)); ok {
		t.Error("too many addresses are taken")
	}
}

func TestDelivers(t *testing.T) {
	for d, want := range map[Delivers]string{DeliversYes: "yes", DeliversDryRun: "dry-run", DeliversPaused: "paused", 3: "unknown", 255: "unknown"} {
		if d.String() != want {
			t.Errorf("%d is %q, want %q", d, d, want)
		}
	}
}
