package transport

import (
	"fmt"
	"testing"
)

// A PTB with the shortest and with the longest quote.
var benchSizes = []int{56, MaxPacket}

func BenchmarkSeal(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			s := newSealer(testKey(1))
			slot, payload := make([]byte, 0, maxDatagram), make([]byte, size)
			b.ReportAllocs()
			for b.Loop() {
				s.seal(slot, TypePTB, payload, testStart)
			}
		})
	}
}

// BenchmarkOpen opens datagrams of a session that is known, sealed beforehand:
// the window takes each counter once, so it is emptied after each round.
func BenchmarkOpen(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			s, o := newSealer(testKey(1)), testOpener(testKey(1))
			var sealed [1024][]byte
			for i := range sealed {
				sealed[i], _ = s.seal(nil, TypePTB, make([]byte, size), testStart)
			}
			dst := make([]byte, 0, MaxPacket)
			o.open(dst, sealed[0], true, testStart)
			window := &o.sessions.peers[s.session].window
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%len(sealed) == 0 {
					window.Reset()
				}
				if _, _, r := o.open(dst, sealed[i%len(sealed)], true, testStart); r != Opened {
					b.Fatal(r)
				}
			}
		})
	}
}

// BenchmarkRefuse refuses what a forger can send, 1332 bytes of it.
func BenchmarkRefuse(b *testing.B) {
	s, o := newSealer(testKey(1)), testOpener(testKey(1))
	o.addSelf(session{7})
	dst := make([]byte, 0, MaxPacket)
	o.open(dst, sealAt(s, testStart), true, testStart)
	long := func(s *sealer) []byte {
		d, _ := s.seal(nil, TypePTB, make([]byte, MaxPacket), testStart)
		return d
	}
	replayed := long(s)
	o.open(dst, replayed, true, testStart)
	datagrams := map[string][]byte{"replayed": replayed}
	for _, f := range faults() {
		datagrams[f.name] = f.spoil(long(s))
	}
	for name, d := range datagrams {
		b.Run(name, func(b *testing.B) { refuse(b, o, d) })
	}
	forged := long(newSealer(testKey(1)))
	forged[len(forged)-1] ^= 1
	b.Run("forged in a new session", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			o.attempts = 0
			o.open(dst, forged, true, testStart)
		}
	})
	for o.attempts.take(0, attemptInterval, attemptBurst, true) {
	}
	b.Run("limited", func(b *testing.B) { refuse(b, o, forged) })
}

func refuse(b *testing.B, o *opener, datagram []byte) {
	dst := make([]byte, 0, MaxPacket)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, r := o.open(dst, datagram, true, testStart); r == Opened {
			b.Fatal("opened")
		}
	}
}

func BenchmarkCut(b *testing.B) {
	for name, p := range longPTBs() {
		b.Run(name, func(b *testing.B) {
			m, dst := eligible(b, p.Bytes()), make([]byte, MaxPacket)
			b.ReportAllocs()
			for b.Loop() {
				cut(dst, m)
			}
		})
	}
}
