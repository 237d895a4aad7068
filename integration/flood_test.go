package integration

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// flood sends eligible PTBs about ever new flows to one server, until the test
// ends or stop is called, at most floodLimit of them.
type flood struct {
	t    testing.TB
	sent atomic.Uint64
	stop func()
}

const floodLimit = 1 << 20

func startFlood(t *testing.T, l *lab.Lab, server int) *flood {
	t.Helper()
	frame := labtest.FrameTo(t, l, server, classifytest.PTB{Family: classify.IPv6}.Bytes())
	f := &flood{t: t}
	quit, done := make(chan struct{}), make(chan struct{})
	f.stop = func() {
		select {
		case <-quit:
		default:
			close(quit)
		}
		<-done
	}
	go func() {
		defer close(done)
		for n := range uint32(floodLimit) {
			select {
			case <-quit:
				return
			default:
			}
			if l.Router.SendFrame("servers", aboutFlow(frame, n)) != nil {
				return // the lab is being closed
			}
			f.sent.Add(1)
		}
	}()
	t.Cleanup(f.stop)
	return f
}

// pour waits until at least n were sent, ends the flood and returns how many
// they are.
func (f *flood) pour(n uint64) float64 {
	f.t.Helper()
	labtest.Eventually(f.t, 20*time.Second, "the flood is sent", func() error {
		if f.sent.Load() < n {
			return errNotYet
		}
		return nil
	})
	f.stop()
	return float64(f.sent.Load())
}

// aboutFlow changes the client's address in the quote of an IPv6 PTB frame, the
// checksum kept right by its complement in the same address (RFC 1071).
func aboutFlow(frame []byte, n uint32) []byte {
	const client = 14 + 40 + 8 + 24 // Ethernet, IPv6, ICMPv6, quote's destination
	copy(frame[client:], netip.MustParseAddr("2001:db8:f::").AsSlice())
	hi, lo := uint16(n>>16), uint16(n)
	for i, v := range []uint16{hi, ^hi, lo, ^lo} {
		frame[client+8+2*i], frame[client+9+2*i] = byte(v>>8), byte(v)
	}
	return fixChecksum(frame)
}

// fixChecksum computes the ICMPv6 checksum of a frame whose packet has no
// extension headers (RFC 4443, 2.3).
func fixChecksum(frame []byte) []byte {
	packet := frame[14:]
	icmp := packet[40:]
	icmp[2], icmp[3] = 0, 0
	var sum uint32
	add := func(b []byte) {
		for i := 0; i+1 < len(b); i += 2 {
			sum += uint32(b[i])<<8 | uint32(b[i+1])
		}
	}
	add(packet[8:40])
	add(icmp)
	sum += uint32(len(icmp)) + 58
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	icmp[2], icmp[3] = ^byte(sum>>8), ^byte(sum)
	return frame
}
