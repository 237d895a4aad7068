package classify_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

func FuzzDecodeSYN(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 0))
	for i := range 200 {
		f.Add(randomSYN(r).Bytes(), uint16(i))
	}
	for _, s := range []classifytest.SYN{
		{MoreFragments: true}, {Cut: 17}, {Family: classify.IPv6, Extensions: []classifytest.Extension{classifytest.Fragment(0, true)}},
		{HeaderWords: new(uint8(15))}, {TCPOptions: []byte{253, 9, 1, 1, 2, 4, 5, 1}},
	} {
		f.Add(s.Bytes(), uint16(44))
	}
	for _, c := range classifytest.Corpus() {
		f.Add(c.Packet, uint16(7))
	}
	f.Fuzz(func(t *testing.T, data []byte, at uint16) {
		packet := exact(data)
		s, ok := classify.DecodeSYN(packet)
		if !bytes.Equal(packet, data) {
			t.Fatal("the packet was changed")
		}
		if !ok {
			if s != (classify.SYN{}) {
				t.Fatalf("refused, and %+v", s)
			}
			return
		}
		checkSYN(t, packet, s)
		checkSYNCut(t, packet, s, int(at)%len(packet))
		padded, ok := classify.DecodeSYN(append(exact(packet), 2, 4, 5, 1))
		if !s.Cut && (!ok || padded != s) {
			t.Fatalf("%+v becomes %+v, %v with bytes behind it", s, padded, ok)
		}
	})
}

// checkSYN holds a SYN against the packet's own bytes, and against gopacket where
// that can read it: it reads no cut options and nothing behind a fragment header.
func checkSYN(t *testing.T, packet []byte, s classify.SYN) {
	t.Helper()
	client, server := packet[12:16], packet[16:20]
	if s.Family == classify.IPv6 {
		client, server = packet[8:24], packet[24:40]
	}
	if !bytes.Equal(s.Client.AsSlice(), client) || !bytes.Equal(s.Server.AsSlice(), server) {
		t.Fatalf("addresses %v and %v of %x", s.Client, s.Server, packet)
	}
	if s.HasMSS != (s.MSS != 0) {
		t.Fatalf("MSS %d, has one: %v", s.MSS, s.HasMSS)
	}
	if s.HasMSS && !bytes.Contains(packet, classifytest.MSSOption(s.MSS)) {
		t.Fatalf("MSS %d is not in %x", s.MSS, packet)
	}
	want, ok, read := synByGopacket(packet)
	if read && !s.Cut && (!ok || !cmp.Equal(want, s, comparers...)) {
		t.Fatalf("%x: %+v, gopacket's %+v, %v", packet, s, want, ok)
	}
}

// checkSYNCut: a SYN of which less was captured is the same one or none, and says
// nothing that the whole one does not.
func checkSYNCut(t *testing.T, packet []byte, s classify.SYN, at int) {
	t.Helper()
	cut, ok := classify.DecodeSYN(exact(packet[:at]))
	if !ok {
		return
	}
	if cut.Cut && !cut.HasMSS {
		cut.MSS, cut.HasMSS = s.MSS, s.HasMSS
	}
	several := cut.HasMSS && cut.MSS != s.MSS // the last one was cut off
	if several && !cut.Cut {
		t.Fatalf("first %d bytes: %+v, all: %+v", at, cut, s)
	}
	cut.Cut, cut.MSS = s.Cut, s.MSS
	if cut != s {
		t.Fatalf("first %d bytes: %+v, all: %+v", at, cut, s)
	}
}
