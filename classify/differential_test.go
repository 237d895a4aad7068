package classify_test

import (
	"flag"
	"fmt"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/classify/classifytest/reference"
)

var packetsSeed = flag.Uint64("packets.seed", 1, "what the generated packets of TestAgainstGopacket depend on")

// compare judges a packet by both and returns which of the known differences it
// shows, -1 for none, and fails the test where they differ in any other way.
func compare(t *testing.T, packet []byte) (difference int, r reference.Reading) {
	t.Helper()
	var d classify.Decoder
	policy := classifytest.Policy()
	m, v := judge(&d, &policy, packet)
	r = reference.Read(packet)
	differ := differ(m, v, r)
	if differ == "" {
		return -1, r
	}
	if difference = r.Explain(packet, v); difference < 0 {
		t.Fatalf("%x: %s (gopacket gave up: %v)", packet, differ, r.GaveUp)
	}
	return difference, r
}

// differ says in what the two readings of a packet do; "": in nothing.
func differ(m *classify.Message, v classify.Verdict, r reference.Reading) string {
	switch {
	case v != r.Verdict:
		return fmt.Sprintf("verdict %v, gopacket's %v", v, r.Verdict)
	case m.Family != r.Family:
		return fmt.Sprintf("family %v, gopacket's %v", m.Family, r.Family)
	case m.Router != r.Router || m.VIP != r.VIP:
		return fmt.Sprintf("%v to %v, gopacket's %v to %v", m.Router, m.VIP, r.Router, r.VIP)
	case uint32(m.MTU) != r.MTU:
		return fmt.Sprintf("MTU %d, gopacket's %d", m.MTU, r.MTU)
	case v < classify.QuoteProtocol: // no flow
	case m.Flow != r.Flow || m.QuoteSource != r.QuoteSource:
		return fmt.Sprintf("quote from %v about %v, gopacket's from %v about %v", m.QuoteSource, m.Flow, r.QuoteSource, r.Flow)
	case int(m.QuoteLength) != r.QuoteLength:
		return fmt.Sprintf("quote of %d bytes, gopacket's of %d", m.QuoteLength, r.QuoteLength)
	}
	return ""
}

// Both judge a large number of packets alike but for the differences listed,
// each of which is met and is rare.
func TestAgainstGopacket(t *testing.T) {
	t.Logf("-packets.seed %d", *packetsSeed)
	const packets = 100_000
	m := classifytest.NewMutator(*packetsSeed)
	met := make([]int, len(reference.Differences))
	eligible := make(map[classify.Family]int)
	for range packets {
		switch i, r := compare(t, m.Packet()); {
		case i >= 0:
			met[i]++
		case r.Verdict == classify.Eligible:
			eligible[r.Family]++
		}
	}
	for i, d := range reference.Differences {
		t.Logf("%6d %s: %s", met[i], d.Name, d.Why)
		if met[i] == 0 || met[i] >= packets*5/100 {
			t.Errorf("%s: in %d of %d packets, want some and less than 5 %%", d.Name, met[i], packets)
		}
	}
	if eligible[classify.IPv4] < 1000 || eligible[classify.IPv6] < 1000 {
		t.Errorf("both call %v packets eligible, want at least 1000 a family", eligible)
	}
}

func FuzzAgainstGopacket(f *testing.F) {
	for _, c := range classifytest.Corpus() {
		f.Add(c.Packet)
	}
	for _, c := range captures(f) {
		f.Add(c.packet)
	}
	m := classifytest.NewMutator(*packetsSeed)
	for range 500 {
		f.Add(m.Packet())
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		compare(t, packet)
		mended := exact(packet) // a fuzzer does not guess a checksum
		classifytest.MendICMP(mended)
		compare(t, mended)
	})
}
