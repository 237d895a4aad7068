package deliver

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/relay/outcome"
)

// stream is a PTB that becomes one about another flow with each call of next. For
// each two bytes of the client that it changes, two of what nobody judges become
// their complement, so the checksum stays right.
type stream struct {
	packet []byte
	host   []byte // the last two bytes of the client's address
	quote  []byte // the quoted header of UDP or TCP
	n      uint32
}

func newStream(f classify.Family, vip netip.Addr, p classify.Protocol) *stream {
	s := &stream{packet: classifytest.PTB{Family: f, VIP: vip, Protocol: p}.Bytes()}
	s.quote = s.packet[len(s.packet)-8:]
	s.host = s.packet[len(s.packet)-10:][:2]
	s.put()
	classifytest.MendICMP(s.packet)
	return s
}

func (s *stream) next() []byte {
	s.n++
	s.put()
	return s.packet
}

func (s *stream) put() {
	high, low := uint16(s.n>>16), uint16(s.n)
	binary.BigEndian.PutUint16(s.host, high)
	binary.BigEndian.PutUint16(s.quote[4:], ^high)
	binary.BigEndian.PutUint16(s.quote[2:], low)
	binary.BigEndian.PutUint16(s.quote[6:], ^low)
}

func TestHandleDoesNotAllocate(t *testing.T) {
	for _, p := range placements {
		s := newSite(t, p)
		r := receive(t, s.server, settings())
		r.sampler.samples.most = 0
		for _, f := range families {
			packets := newStream(f, s.vip(f), classify.TCP)
			r.checkGets(packets.next(), outcome.Injected)
			n := testing.AllocsPerRun(500, func() {
				if r.gets(peer, packets.next()) != outcome.Injected {
					t.Error(r.told.delivery)
				}
			})
			if n != 0 {
				t.Errorf("%v, VIP on %v: Handle allocates %v times", f, p, n)
			}
		}
	}
}

// Whatever may be called from any goroutine is, while packets are handled.
func TestConcurrentUse(t *testing.T) {
	s := newSite(t, lab.VIPOnLoopback)
	r := receive(t, s.server, settings())
	r.runs()
	ctx, cancel := context.WithCancel(t.Context())
	var others sync.WaitGroup
	for _, call := range []func(){
		func() { r.Apply(settings()) },
		r.HostChanged,
		func() { r.Stats() },
		func() {
			if !r.Local(s.vip(classify.IPv4)) || r.Local(s.ClientAddr(lab.IPv4, 0)) {
				t.Error("Local says that the VIP is not, or that the client is")
			}
		},
	} {
		others.Go(func() {
			for ctx.Err() == nil {
				call()
			}
		})
	}
	owned := s.bound(s.flow(classify.UDP, classify.IPv4))
	r.checkGets(owned.ptb(), outcome.Injected)
	for _, f := range families {
		packets := newStream(f, s.vip(f), classify.UDP)
		for range 500 {
			r.checkGets(packets.next(), outcome.Injected)
		}
	}
	cancel()
	others.Wait()
	r.checkLaws()
}

// BenchmarkHandle is what one injected message costs, to the end of what the
// kernel does with it. "local": no socket here has the flow; "owned": a UDP socket
// that was looked up has, and the kernel learns a path MTU each time.
func BenchmarkHandle(b *testing.B) {
	for _, c := range []struct {
		name  string
		p     lab.Placement
		owned bool
		vips  int
	}{
		{"lo/local", lab.VIPOnLoopback, false, 1},
		{"lo/local/512-VIPs", lab.VIPOnLoopback, false, 512},
		{"lo/owned", lab.VIPOnLoopback, true, 1},
		{"interface/local", lab.VIPOnInterface, false, 1},
	} {
		for _, f := range families {
			b.Run(fmt.Sprintf("%v/%v", c.name, f), func(b *testing.B) {
				s := newSite(b, c.p)
				s.holds(more(f, c.vips-1)...)
				on, protocol := settings(), classify.TCP
				if on.Owned = c.owned; c.owned {
					protocol = classify.UDP
					s.bound(s.flow(protocol, f))
				}
				r := receive(b, s.server, on)
				packets := newStream(f, s.vip(f), protocol)
				handled := uint64(0)
				b.ReportAllocs()
				for b.Loop() {
					r.Handle(peer, true, packets.next())
					handled++
				}
				if got := r.Stats().Deliveries[f][outcome.Injected]; got != handled {
					b.Fatalf("%d of %d injected, the last was %v", got, handled, r.told.delivery)
				}
			})
		}
	}
}

// more are n addresses of a family.
func more(f classify.Family, n int) (addresses []netip.Addr) {
	for i := range n {
		text := fmt.Sprintf("198.18.%d.%d", i>>8, i&255)
		if f == classify.IPv6 {
			text = fmt.Sprintf("2001:db8:d::%x", i+1)
		}
		addresses = append(addresses, netip.MustParseAddr(text))
	}
	return addresses
}
