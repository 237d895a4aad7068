package bench

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// crowd is a server with ptbrelay over udp, no limits and many peers. These are
// sockets of the router, next to it, so that a copy takes one cable and no more.
// The first, the middle and the last peer read what they get; the others have room
// for a single datagram, and what else comes there the kernel counts and drops.
type crowd struct {
	b        *testing.B
	lab      *lab.Lab
	process  *lab.Process
	sender   *lab.Sender
	messages *numbered
	next     uint32
	peers    []netip.AddrPort
	readers  []*reader
	plain    *plain
}

// newCrowd starts it, for messages like ptb.
func newCrowd(b *testing.B, peers int, ptb classifytest.PTB) *crowd {
	b.Helper()
	// With offload the cable carries a train of datagrams whole, as a network card
	// takes it.
	c := &crowd{b: b, lab: labtest.New(b, lab.Options{Shape: lab.ShapeRouted, Servers: 1, Clients: 1, Offload: true}), next: 1 << 16}
	c.meet(peers)
	server := c.lab.Servers[0]
	labtest.WriteKeys(b, server, labtest.Key(0))
	c.process = labtest.StartUDPRelay(b, server, "--config", configFile(b, c.config()))
	c.sender = labtest.Sender(b, c.lab.Router, c.lab.RouterInterface(0))
	packet := ptb.Bytes()
	c.messages = newNumbered(ptb.Family, labtest.FrameTo(b, c.lab, 0, packet))
	c.plain = newPlain(b, server, c.lab.ServerAddr(lab.IPv4, 0), c.peers, sealedOverhead+len(packet))
	return c
}

// meet opens the peers' sockets.
func (c *crowd) meet(peers int) {
	c.b.Helper()
	const firstPort = 10_000
	reading := map[int]bool{0: true, peers / 2: true, peers - 1: true}
	for i := range peers {
		at := netip.AddrPortFrom(c.lab.RouterAddr(lab.IPv4, 0), uint16(firstPort+i))
		c.peers = append(c.peers, at)
		if reading[i] {
			c.readers = append(c.readers, newReader(c.b, c.lab.Router, at))
		} else {
			deaf(c.b, c.lab.Router, at)
		}
	}
}

func (c *crowd) config() string {
	var text strings.Builder
	text.WriteString(noLimits + "peers:\n  static:\n")
	for _, p := range c.peers {
		fmt.Fprintf(&text, "    - %v\n", p)
	}
	return text.String()
}

// send has ptbrelay relay count messages, at a rate a second or as they come,
// and fails the benchmark unless each became a copy at every peer. The latencies
// are those of the last copy of each message, the trailing is that of the last
// message.
func (c *crowd) send(rate, count int) round {
	c.b.Helper()
	arrived := c.arrived()
	before := labtest.ProcessorTime(c.b, c.process)
	var readers sync.WaitGroup
	for _, r := range c.readers {
		readers.Go(func() { r.read(count) })
	}
	made := make([]time.Time, 0, count)
	if _, err := c.sender.Stream(c.b.Context(), lab.Stream{Rate: rate, Count: count, Fill: func(_ int, buf []byte) []byte {
		made = append(made, time.Now())
		c.next++
		return c.messages.put(buf, c.next, 0)
	}}); err != nil {
		c.b.Fatal(err)
	}
	readers.Wait()
	cpu := labtest.ProcessorTime(c.b, c.process) - before
	last := c.last(count)
	copies := count * len(c.peers)
	if n := c.arrived() - arrived; n < copies {
		c.b.Fatalf("%d datagrams arrived, want %d copies", n, copies)
	}
	r := round{sent: count, copies: copies, cpu: cpu, sending: made[count-1].Sub(made[0]), trailing: last[count-1].Sub(made[count-1])}
	for i := range made {
		r.latencies = append(r.latencies, last[i].Sub(made[i]))
	}
	return r
}

// last is when the last copy of each message came to a reader.
func (c *crowd) last(count int) []time.Time {
	c.b.Helper()
	last := make([]time.Time, count)
	for i, r := range c.readers {
		if r.err != nil {
			c.b.Fatalf("%d of %d messages became copies at reader %d: %v", len(r.copies), count, i, r.err)
		}
		for n, at := range r.copies {
			if at.After(last[n]) {
				last[n] = at
			}
		}
	}
	return last
}

// arrived is how many datagrams have come to the peers' sockets, and were read or
// dropped there.
func (c *crowd) arrived() int {
	c.b.Helper()
	counters, err := c.lab.Router.Counters()
	if err != nil {
		c.b.Fatal(err)
	}
	return int(counters["UdpInDatagrams"] + counters["UdpRcvbufErrors"])
}

// sendPlain has the floor send count messages and returns what a copy took of the
// processor, in microseconds.
func (c *crowd) sendPlain(count int) float64 {
	c.b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := c.threadTime()
	for range count {
		if err := c.plain.send(); err != nil {
			c.b.Fatal(err)
		}
	}
	return perCopy(c.threadTime()-before, count*len(c.peers))
}

// threadTime is what the calling thread took so far.
func (c *crowd) threadTime() time.Duration {
	c.b.Helper()
	var used unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &used); err != nil {
		c.b.Fatal(err)
	}
	return time.Duration(used.Nano())
}
