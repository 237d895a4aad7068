package transport

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Peers that are gone, each in its way, cost the living one nothing at full rate,
// and the counts say what the kernel took.
func TestDeadPeers(t *testing.T) {
	for name, c := range map[string]struct {
		from, to string // the living peer's way
		peers    []string
		prepare  func(*testing.T, *lab.Node)
		refused  int // peers that the kernel refuses
	}{
		"closed port": {"192.0.2.1:7690", "192.0.2.2:7690",
			[]string{"192.0.2.2:9"}, nil, 0},
		"closed port, IPv6": {"[2001:db8::1]:7690", "[2001:db8::2]:7690",
			[]string{"[2001:db8::2]:9"}, nil, 0},
		"nobody has the address": {"192.0.2.1:7690", "192.0.2.2:7690",
			[]string{"192.0.2.77:7690"}, nil, 0},
		"nobody has the address, IPv6": {"[2001:db8::1]:7690", "[2001:db8::2]:7690",
			[]string{"[2001:db8::77]:7690"}, nil, 0},
		"no route": {"192.0.2.1:7690", "192.0.2.2:7690",
			[]string{"198.51.100.1:7690"}, nil, 1},
		"no route, IPv6": {"[2001:db8::1]:7690", "[2001:db8::2]:7690",
			[]string{"[2001:db8:5::1]:7690"}, nil, 1},
		"prohibited and black hole": {"192.0.2.1:7690", "192.0.2.2:7690",
			[]string{"198.51.100.1:7690", "203.0.113.1:7690"}, func(t *testing.T, n *lab.Node) {
				route(t, n, "198.51.100.0/24", unix.RTN_PROHIBIT)
				route(t, n, "203.0.113.0/24", unix.RTN_BLACKHOLE)
			}, 2},
		"broadcast address": {"192.0.2.1:7690", "192.0.2.2:7690",
			[]string{"192.0.2.255:7690"}, nil, 1},
		"all of them": {"192.0.2.1:7690", "192.0.2.2:7690",
			[]string{"192.0.2.2:9", "192.0.2.77:7690", "198.51.100.1:7690", "192.0.2.255:7690", "[2001:db8::2]:7690"}, nil, 3},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t, 1500)
			if c.prepare != nil {
				c.prepare(t, a)
			}
			log := new(textLog)
			one := newMember(t, a, udpConfig(log.logger()), c.from).run()
			two := newMember(t, b, udpConfig(quiet), c.to).run()
			one.SetPeers(append(addrPorts(c.peers...), two.at(0)))
			batch := decoded(t, 2000)
			one.queue(batch)
			one.awaitEnded(map[Result]int{Sent: len(batch)})
			checkPackets(t, two.await(len(batch)), packetsOf(batch))
			refused := uint64(c.refused * len(batch))
			one.checkStats(Stats{Copies: uint64((len(c.peers)+1)*len(batch)) - refused, Errors: refused})
			if got := log.count("cannot send to peer"); got != c.refused {
				t.Errorf("%d lines about peers, want %d: %s", got, c.refused, log)
			}
		})
	}
}

func route(t *testing.T, n *lab.Node, prefix string, kind int) {
	t.Helper()
	to, err := netlink.ParseIPNet(prefix)
	must(t, err)
	must(t, n.Handle().RouteAdd(&netlink.Route{Dst: to, Type: kind}))
}

// Where no copy of a message was taken it has failed.
func TestNoCopyTaken(t *testing.T) {
	one := newMember(t, labtest.Node(t, "host"), udpConfig(quiet), "127.0.0.1:0").run()
	one.SetPeers(addrPorts("198.51.100.1:7690", "[2001:db8::1]:7690"))
	one.queue(decoded(t, 40))
	one.awaitEnded(map[Result]int{Failed: 40})
	one.checkStats(Stats{Errors: 80})
}

// Datagrams that are longer than the interface allows arrive in fragments, a burst
// of them too, and others still go as trains.
func TestInterfaceOfSmallMTU(t *testing.T) {
	for family, listen := range map[string][2]string{
		"IPv4": {"192.0.2.1:7690", "192.0.2.2:7690"},
		"IPv6": {"[2001:db8::1]:7690", "[2001:db8::2]:7690"},
	} {
		t.Run(family, func(t *testing.T) {
			a, b := pair(t, 1280)
			log := new(textLog)
			one := newMember(t, a, udpConfig(log.logger()), listen[0])
			two := newMember(t, b, udpConfig(quiet), listen[1]).run()
			one.SetPeers(two.Addresses())
			batch := slices.Repeat([]classify.Message{ptbOf(MaxPacket)}, 100)
			batch = append(batch, slices.Repeat([]classify.Message{ptbOf(100)}, 100)...)
			one.queue(batch)
			one.run()
			checkPackets(t, two.await(len(batch)), packetsOf(batch))
			one.awaitEnded(map[Result]int{Sent: len(batch)})
			one.checkStats(Stats{Copies: uint64(len(batch))})
			if log.count("cannot send") > 0 {
				t.Errorf("log: %s", log)
			}
		})
	}
}

// Slots of many sizes go out in few trains, none of them lost or changed.
func TestTrains(t *testing.T) {
	a, b := pair(t, 1500)
	one := newMember(t, a, udpConfig(quiet), "192.0.2.1:7690")
	two := newMember(t, b, udpConfig(quiet), "192.0.2.2:7690").run()
	one.SetPeers(two.Addresses())
	seen := labtest.TapWith(t, b, "eth0", lab.TapOptions{UDPPorts: []uint16{7690}})
	var batch []classify.Message
	for i := range 300 {
		batch = append(batch, ptbOf(60+[...]int{0, 1200, 7, 500, 1, 0, 0}[i%7]+i/100))
	}
	one.queue(batch)
	s := sender{udp: one.UDP, done: one.tookDone}
	for one.ring.ready() > 0 {
		s.round(true)
	}
	checkPackets(t, two.await(len(batch)), packetsOf(batch))
	one.awaitEnded(map[Result]int{Sent: len(batch)})
	one.checkStats(Stats{Copies: uint64(len(batch))})
	// The cable carries a train as one frame. Of 64 slots there are at least
	// four, and one more for each of five sizes at most.
	if frames, most := len(labtest.Fence(t, a, "eth0", seen)), 5*(4+5); frames < 5*4 || frames > most {
		t.Errorf("%d frames, want at most %d", frames, most)
	}
}

// Where a train does not get through datagrams go alone, until the peers change.
func TestTrainsAreTriedAgain(t *testing.T) {
	a, b := pair(t, 1280)
	one := newMember(t, a, udpConfig(quiet), "192.0.2.1:7690")
	two := newMember(t, b, udpConfig(quiet), "192.0.2.2:7690").run()
	seen := labtest.TapWith(t, b, "eth0", lab.TapOptions{UDPPorts: []uint16{7690}})
	s := sender{udp: one.UDP, done: one.tookDone}
	frames := func(size int) int {
		seen.Reset()
		one.queue(slices.Repeat([]classify.Message{ptbOf(size)}, trainLength))
		s.round(true)
		return len(labtest.Fence(t, a, "eth0", seen))
	}
	for range 2 {
		one.SetPeers(two.Addresses())
		if got := frames(100); got != 1 {
			t.Errorf("%d frames, want 1", got)
		}
		frames(MaxPacket)
		if got := frames(100); got != trainLength {
			t.Errorf("after a train that did not fit: %d frames, want %d", got, trainLength)
		}
	}
	two.await(2 * 3 * trainLength)
}

func TestCouple(t *testing.T) {
	for _, c := range []struct {
		sizes  []int
		length int
		want   []int
	}{
		{nil, 4, nil},
		{[]int{9}, 4, []int{1}},
		{[]int{9, 9, 9}, 4, []int{3}},
		{[]int{9, 9, 9, 9, 9}, 4, []int{4, 1}},
		{[]int{9, 8, 8}, 4, []int{2, 1}},
		{[]int{9, 9, 8, 7}, 4, []int{3, 1}},
		{[]int{9, 8, 7, 6, 5}, 4, []int{2, 2, 1}},
		{[]int{9, 9, 9}, 1, []int{1, 1, 1}},
	} {
		var l load
		for i, size := range c.sizes {
			l.slotsOf[i] = &slot{size: size}
		}
		l.slots = l.slotsOf[:len(c.sizes)]
		l.couple(c.length)
		var got []int
		next := 0
		for i := range l.trains {
			tr := &l.trains[i]
			if tr.first != next || tr.n > 1 && int(tr.control.size) != c.sizes[next] {
				t.Errorf("%v: train %d begins at %d with size %d", c.sizes, i, tr.first, tr.control.size)
			}
			next += tr.n
			got = append(got, tr.n)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v, at most %d: trains of %v, want %v", c.sizes, c.length, got, c.want)
		}
	}
}

// A forged PTB about our own datagrams makes them no smaller: the socket heeds
// none, and so they still go whole.
func TestForgedPTBTowardOurselves(t *testing.T) {
	a, b := pair(t, 1500)
	one := newMember(t, a, udpConfig(quiet), "192.0.2.1:7690").run()
	two := newMember(t, b, udpConfig(quiet), "192.0.2.2:7690").run()
	one.SetPeers(two.Addresses())
	seen := labtest.TapWith(t, b, "eth0", lab.TapOptions{All: true})
	forged := classifytest.PTB{
		Router: netip.MustParseAddr("192.0.2.2"), VIP: netip.MustParseAddr("192.0.2.1"), Client: netip.MustParseAddr("192.0.2.2"),
		Protocol: classify.UDP, VIPPort: 7690, ClientPort: 7690, MTU: 600,
	}
	frame := append(slices.Concat(mac(t, a), mac(t, b)), 8, 0)
	must(t, b.SendFrame("eth0", append(frame, forged.Bytes()...)))
	labtest.Fence(t, b, "eth0", labtest.TapWith(t, a, "eth0", lab.TapOptions{}))
	seen.Reset()
	one.queue([]classify.Message{ptbOf(MaxPacket)})
	two.await(1)
	const payload = 14 + 20 + 8 // Ethernet, IPv4, UDP
	var sizes []int
	for _, f := range labtest.Fence(t, a, "eth0", seen) {
		if len(f.Data) > 600 && f.Data[payload+headerType] == byte(TypePTB) { // probes are long too
			sizes = append(sizes, len(f.Data))
		}
	}
	if want := []int{payload + maxDatagram}; !slices.Equal(sizes, want) {
		t.Errorf("long frames of %v bytes, want %v", sizes, want)
	}
}

func mac(t *testing.T, n *lab.Node) []byte {
	t.Helper()
	return link(t, n, "eth0").Attrs().HardwareAddr
}

// A socket whose buffer stays full costs errors, not the sender: patience ends.
// Where room comes in time, it loses next to nothing.
func TestUDPSendBufferFull(t *testing.T) {
	for _, c := range []struct {
		name   string
		rate   uint64 // of the interface, bytes a second
		enough func(Stats) bool
	}{
		{"for long", 1000, func(s Stats) bool { return s.Errors > 0 && s.Copies > 0 }},
		{"for a moment", 8 << 20, func(s Stats) bool { return s.Copies > 9*s.Errors }},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, _ := pair(t, 1500)
			log := new(textLog)
			one := newMember(t, a, udpConfig(log.logger()), "192.0.2.1:7690")
			one.SetPeers(addrPorts("192.0.2.2:7690"))
			slow(t, a, link(t, a, "eth0").Attrs().Index, c.rate, 1<<20)
			must(t, one.sockets[classify.IPv4].Load().raw.Control(func(fd uintptr) {
				must(t, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 1))
			}))
			batch := slices.Repeat([]classify.Message{ptbOf(500)}, 400)
			one.queue(batch)
			one.run()
			labtest.Eventually(t, soon, "all end", func() error {
				one.mu.Lock()
				defer one.mu.Unlock()
				if n := one.ended[Sent] + one.ended[Failed]; n != len(batch) {
					return fmt.Errorf("%d of %d", n, len(batch))
				}
				return nil
			})
			got := one.Stats().Stats
			if !c.enough(got) || got.Copies+got.Errors != uint64(len(batch)) || got.Copies != uint64(one.ended[Sent]) {
				t.Errorf("%+v of %d, %v", got, len(batch), one.ended)
			}
			if err := lines(log, 0, "cannot send"); err != nil { // no fault of the peer
				t.Error(err)
			}
		})
	}
}

// What the ring cannot take is QueueFull at once, and what it took still ends.
func TestUDPQueueFull(t *testing.T) {
	n := labtest.Node(t, "host")
	c := udpConfig(quiet)
	c.MaxBatch = 16
	one := newMember(t, n, c, "127.0.0.1:0")
	one.SetPeers(sinks(t, n, 2))
	results := make([]Result, ringBatches*16+40)
	one.Send(time.Now(), decoded(t, len(results)), results)
	checkResults(t, results, append(all(Queued, ringBatches*16), all(QueueFull, 40)...))
	one.run()
	one.awaitEnded(map[Result]int{Sent: ringBatches * 16})
	one.checkStats(Stats{Copies: 2 * ringBatches * 16})
}

// When Run ends, everything that was queued has ended exactly once, whenever that
// was; what comes later fails at once.
func TestUDPStopWhileSending(t *testing.T) {
	n := labtest.Node(t, "host")
	to := sinks(t, n, 3)
	batch := decoded(t, 64)
	for range 20 {
		one := newMember(t, n, udpConfig(quiet), "127.0.0.1:0").run()
		one.SetPeers(to)
		started := make(chan struct{})
		queued := make(chan int)
		go func() {
			total := 0
			results := make([]Result, len(batch))
			for sent := 0; count(results, Failed) == 0 || sent == 0; sent++ {
				one.Send(time.Now(), batch, results)
				total += count(results, Queued)
				if sent == 0 {
					close(started)
				}
			}
			queued <- total
		}()
		<-started
		one.stop()
		total := <-queued
		one.mu.Lock()
		sent, failed := one.ended[Sent], one.ended[Failed] // a slow machine drains less
		one.mu.Unlock()
		if sent == 0 || sent+failed != total {
			t.Errorf("%d sent and %d failed of %d", sent, failed, total)
		}
		one.checkStats(Stats{Copies: uint64(3 * sent), Errors: uint64(3 * failed)})
	}
}

// What the drain has no time for ends as failed.
func TestUDPDrainIsBounded(t *testing.T) {
	n := labtest.Node(t, "host")
	one := newMember(t, n, udpConfig(quiet), "127.0.0.1:0")
	one.SetPeers(sinks(t, n, 1))
	one.queue(decoded(t, 500))
	ended := make(map[Result]int)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := sender{udp: one.UDP, done: func(_ time.Time, _ *classify.Message, r Result) {
		if len(ended) == 0 { // a handler that is slow, once
			timer := time.NewTimer(drainTime + 50*time.Millisecond)
			<-timer.C
		}
		ended[r]++
	}}
	s.run(ctx)
	if ended[Sent] != roundSize || ended[Failed] != 500-roundSize {
		t.Errorf("%v, want %d sent and the rest failed", ended, roundSize)
	}
	one.checkStats(Stats{Copies: roundSize, Errors: 500 - roundSize})
}

// Everything may change at any time.
func TestUDPConcurrently(t *testing.T) {
	n := labtest.Node(t, "host")
	one := newMember(t, n, udpConfig(quiet), "127.0.0.1:0", "[::1]:0").run()
	two := newMember(t, n, udpConfig(quiet), "127.0.0.2:0").run()
	two.SetPeers(one.Addresses()[:1])
	sets := [][]netip.AddrPort{two.Addresses(), append(sinks(t, n, 20), two.at(0)), sinks(t, n, 300), nil}
	ctx, cancel := context.WithCancel(t.Context())
	var changing sync.WaitGroup
	repeat := func(f func(i int)) {
		changing.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				f(i)
			}
		})
	}
	repeat(func(i int) { one.SetPeers(sets[i%len(sets)]) })
	repeat(func(i int) { one.SetKeys(Keys{{byte(i)}, clusterKey}) })
	repeat(func(int) { one.Probe(ctx, nil) })
	repeat(func(int) { one.Peers(); one.Stats(); one.Addresses() })
	repeat(func(int) { two.offer(decoded(t, 1)) })
	batch := decoded(t, 32)
	results := make([]Result, len(batch))
	queued := 0
	for queued < 10_000 {
		one.Send(time.Now(), batch, results)
		queued += count(results, Queued)
		runtime.Gosched()
	}
	cancel()
	changing.Wait()
	one.stop()
	one.mu.Lock()
	defer one.mu.Unlock()
	if got := one.ended[Sent] + one.ended[Failed]; got != queued {
		t.Errorf("%d of %d queued messages ended", got, queued)
	}
}

func TestUDPSendDoesNotAllocate(t *testing.T) {
	n := labtest.Node(t, "host")
	one := newMember(t, n, udpConfig(quiet), "127.0.0.1:0")
	one.SetPeers(append(sinks(t, n, 3), addrPorts("198.51.100.1:7690")...))
	ended := 0
	s := sender{udp: one.UDP, done: func(time.Time, *classify.Message, Result) { ended++ }}
	batch := append(decoded(t, 63), longPTB(t))
	results := make([]Result, len(batch))
	allocs := testing.AllocsPerRun(20, func() {
		one.Send(time.Now(), batch, results)
		s.round(true)
	})
	if allocs != 0 && !labtest.RaceEnabled { // it makes pools forget
		t.Errorf("a batch allocates %v times", allocs)
	}
	if ended != 21*len(batch) {
		t.Errorf("%d messages ended, want %d", ended, 21*len(batch))
	}
}
