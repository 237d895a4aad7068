package transport

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// BenchmarkFanOut measures what one copy costs, sealing and all. "full": the ring
// is never empty. "alone": a message is sent when the last copy of the one before
// has gone, so that each copy is a message to the kernel of its own. "kernel" is
// what the kernel takes for those alone.
//
// Sockets on loopback that nobody reads stand in for the peers: the kernel takes
// each datagram in on the same processor before the send returns, which in the
// field is the peer's work. cpu-ns/copy is the process's time, which a busy machine
// does not lengthen.
func BenchmarkFanOut(b *testing.B) {
	n := labtest.Node(b, "host")
	targets := sinks(b, n, 1000)
	for _, quote := range []int{28, 1232} {
		for _, peers := range []int{10, 100, 1000} {
			m := ptbOf(20 + 8 + quote)
			name := fmt.Sprintf("quote=%d/peers=%d/", quote, peers)
			b.Run(name+"full", func(b *testing.B) { benchFanOut(b, n, targets[:peers], m, 64) })
			b.Run(name+"alone", func(b *testing.B) { benchFanOut(b, n, targets[:peers], m, 1) })
			b.Run(name+"kernel", func(b *testing.B) { benchKernel(b, n, targets[:peers], m) })
		}
	}
}

// benchFanOut sends batches of so many messages; one that has a single message
// waits until its copies have gone.
func benchFanOut(b *testing.B, n *lab.Node, peers []netip.AddrPort, m classify.Message, size int) {
	u := benchUDP(b, n, peers)
	underWay := 1
	if size > 1 {
		underWay = len(u.ring.slots)
	}
	tokens := make(chan struct{}, underWay)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	done := func(time.Time, *classify.Message, Result) { <-tokens }
	go func() { ended <- u.Run(ctx, Handlers{Done: done}) }()
	batch := slices.Repeat([]classify.Message{m}, size)
	results := make([]Result, size)
	b.ReportAllocs()
	began := start()
	sends := 0
	for b.Loop() {
		for range size {
			tokens <- struct{}{}
		}
		u.Send(time.Now(), batch, results)
		sends++
	}
	for range underWay { // all have come back
		tokens <- struct{}{}
	}
	copies := sends * size * len(peers)
	began.report(b, copies)
	cancel()
	must(b, <-ended)
	if got := u.Stats().Stats; got.Copies != uint64(copies) || got.Errors != 0 {
		b.Fatalf("%+v, want %d copies", got, copies)
	}
}

func benchKernel(b *testing.B, n *lab.Node, peers []netip.AddrPort, m classify.Message) {
	u := benchUDP(b, n, peers)
	socket := u.sockets[classify.IPv4].Load()
	one := &slot{size: minDatagram + len(m.Packet)}
	l := load{slots: []*slot{one}}
	l.iovecs[0].Base = unsafe.SliceData(one.datagram[:])
	l.iovecs[0].SetLen(one.size)
	l.couple(1)
	all := u.peers.Load().peers
	messages := make([]mmsghdr, len(all))
	for i, p := range all {
		messages[i].hdr.Name, messages[i].hdr.Namelen = &p.name[0], p.name.size()
		l.write(&messages[i].hdr, &l.trains[0])
	}
	began := start()
	copies := 0
	for b.Loop() {
		for next := 0; next < len(messages); {
			took, errno := socket.send(messages[next:min(next+callSize, len(messages))])
			if errno != 0 {
				b.Fatal(errno)
			}
			next += took
			copies += took
		}
	}
	began.report(b, copies)
}

func benchUDP(b *testing.B, n *lab.Node, peers []netip.AddrPort) *UDP {
	b.Helper()
	u, err := NewUDP(udpConfig(quiet))
	must(b, err)
	b.Cleanup(func() { must(b, u.Close()) })
	must(b, n.Do(func() error { return u.Listen(netip.MustParseAddrPort("127.0.0.1:0")) }))
	u.SetPeers(peers)
	u.pulse = pulse{first: time.Hour, every: time.Hour, again: time.Hour, down: time.Hour}
	return u
}

// began is when a measurement began.
type began struct {
	wall time.Time
	cpu  time.Duration
}

func start() began { return began{time.Now(), cpuTime()} }

func (s began) report(b *testing.B, copies int) {
	b.ReportMetric(float64(time.Since(s.wall).Nanoseconds())/float64(copies), "ns/copy")
	b.ReportMetric(float64((cpuTime()-s.cpu).Nanoseconds())/float64(copies), "cpu-ns/copy")
}

// cpuTime is what this process took so far.
func cpuTime() time.Duration {
	var used unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &used) // of a process that is there
	return time.Duration(used.Nano())
}

// BenchmarkReceive opens PTBs of a known session, batch by batch, the system calls
// of the other end included.
func BenchmarkReceive(b *testing.B) {
	for _, quote := range []int{28, 1232} {
		b.Run(fmt.Sprintf("quote=%d", quote), func(b *testing.B) {
			u := benchUDP(b, labtest.Node(b, "host"), nil)
			u.handlers.PTB = func(netip.AddrPort, bool, []byte) {}
			socket := u.sockets[classify.IPv4].Load()
			r := newReceiver(socket, u.take)
			sealer, to, packet := newSealer(clusterKey), newSockaddr(u.Addresses()[0]), ptbOf(20+8+quote).Packet
			buffer := make([]byte, 0, maxDatagram)
			b.ReportAllocs()
			sent := uint64(0)
			must(b, socket.raw.Control(func(fd uintptr) {
				for b.Loop() {
					datagram, _ := sealer.seal(buffer, TypePTB, packet, time.Now())
					if errno := sendTo(fd, &to, datagram); errno != 0 {
						b.Fatal(errno)
					}
					if sent++; sent%receiveSize == 0 {
						r.read(fd)
					}
				}
				r.read(fd)
			}))
			if got := u.Stats().Datagrams[TypePTB][Opened]; got != sent {
				b.Fatalf("%d of %d were opened", got, sent)
			}
		})
	}
}
