package classifytest_test

import (
	"bytes"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

// One seed makes one sequence, another one makes another.
func TestMutatorIsDeterministic(t *testing.T) {
	one, same, other := classifytest.NewMutator(1), classifytest.NewMutator(1), classifytest.NewMutator(2)
	alike := 0
	for n := range 1000 {
		packet := one.Packet()
		if !bytes.Equal(packet, same.Packet()) {
			t.Fatalf("packet %d differs from that of the same seed", n)
		}
		if bytes.Equal(packet, other.Packet()) {
			alike++
		}
	}
	if alike > 100 {
		t.Errorf("%d of 1000 packets are alike with another seed", alike)
	}
}

// Packets fit an Ethernet frame, and are varied: every verdict is among them.
func TestMutatorReachesEveryVerdict(t *testing.T) {
	m := classifytest.NewMutator(1)
	var d classify.Decoder
	policy := classifytest.Policy()
	var seen [classify.NumVerdicts]int
	const packets = 20000
	for range packets {
		packet := m.Packet()
		if len(packet) > 1500 {
			t.Fatalf("a packet of %d bytes", len(packet))
		}
		message, v := d.Decode(packet)
		if v == classify.Eligible {
			v = policy.Classify(message)
		}
		seen[v]++
	}
	for v := range classify.Verdicts() {
		if seen[v] < packets/1000 {
			t.Errorf("%v: %d of %d", v, seen[v], packets)
		}
	}
	if eligible := seen[classify.Eligible]; eligible < packets/10 || eligible > packets/2 {
		t.Errorf("%d of %d are eligible, want a tenth to a half", eligible, packets)
	}
}

// Every sound packet of the corpus comes out of breaking and mending as it was.
func TestMending(t *testing.T) {
	for _, c := range classifytest.Corpus() {
		if c.Verdict != classify.Eligible || c.Reach == classifytest.KernelDrops {
			continue
		}
		packet := bytes.Clone(c.Packet)
		var d classify.Decoder
		m, _ := d.Decode(packet)
		packet = m.Packet // without padding, of which no length tells
		want := bytes.Clone(packet)
		if m.Family == classify.IPv4 {
			packet[2] ^= 1
			packet[10] ^= 1
		} else {
			packet[4] ^= 1
		}
		m.ICMP[2] ^= 1
		classifytest.MendLength(packet)
		classifytest.MendHeader(packet)
		classifytest.MendICMP(packet)
		if !bytes.Equal(packet, want) {
			t.Errorf("%s: mended\n%x, was\n%x", c.Name, packet, want)
		}
	}
}
