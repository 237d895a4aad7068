package transport

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/integration/labtest"
)

// What one member sends, every peer gets byte for byte, both families of PTB over
// both families of fabric; too long a packet arrives cut.
func TestUDPCarriesPackets(t *testing.T) {
	a, b := pair(t, 1500)
	for family, listen := range map[string][2]string{
		"over IPv4": {"192.0.2.1:7690", "192.0.2.2:7690"},
		"over IPv6": {"[2001:db8::1]:7690", "[2001:db8::2]:7690"},
	} {
		t.Run(family, func(t *testing.T) {
			one := newMember(t, a, udpConfig(quiet), listen[0]).run()
			two := newMember(t, b, udpConfig(quiet), listen[1]).run()
			one.SetPeers(two.Addresses())
			batch := append(decoded(t, 200), longPTB(t))
			one.queue(batch)
			checkPackets(t, two.await(len(batch)), packetsOf(batch))
			one.awaitEnded(map[Result]int{Sent: len(batch)})
			one.checkStats(Stats{Copies: uint64(len(batch))})
			if got := two.Stats().Datagrams[TypePTB][Opened]; got != uint64(len(batch)) {
				t.Errorf("%d opened, want %d", got, len(batch))
			}
			for _, from := range two.from {
				if from != one.at(0) {
					t.Fatalf("from %v, want %v", from, one.at(0))
				}
			}
		})
	}
}

// Done is given what Send was given, but for the bytes.
func TestUDPDone(t *testing.T) {
	n := labtest.Node(t, "host")
	u := newMember(t, n, udpConfig(quiet), "127.0.0.1:0")
	u.SetPeers(sinks(t, n, 1))
	batch := decoded(t, 3)
	read := time.Now().Add(-time.Minute)
	results := make([]Result, len(batch))
	u.Send(read, batch, results)
	type told struct {
		read time.Time
		m    classify.Message
		r    Result
	}
	ended := make(chan told, len(batch))
	s := sender{udp: u.UDP, done: func(read time.Time, m *classify.Message, r Result) { ended <- told{read, *m, r} }}
	s.round(true)
	for range batch {
		got := <-ended
		want := batch[got.m.Flow.ClientPort()-1000]
		want.Packet, want.ICMP = nil, nil
		if got.read != read || got.r != Sent || got.m.Packet != nil || got.m.ICMP != nil || got.m.Key() != want.Key() || got.m.Router != want.Router {
			t.Errorf("told %+v, want %+v", got, want)
		}
	}
}

func TestUDPWithoutPeers(t *testing.T) {
	u := newMember(t, labtest.Node(t, "host"), udpConfig(quiet), "127.0.0.1:0").run()
	results := make([]Result, 2)
	u.Send(time.Now(), decoded(t, 2), results)
	checkResults(t, results, all(NoPeers, 2))
	u.checkStats(Stats{})
}

// Peers are those of the last SetPeers; one that is named twice, or in its IPv6
// form, is one peer.
func TestUDPSetPeers(t *testing.T) {
	n := labtest.Node(t, "host")
	one := newMember(t, n, udpConfig(quiet), "127.0.0.1:0").run()
	two := newMember(t, n, udpConfig(quiet), "127.0.0.2:0").run()
	three := newMember(t, n, udpConfig(quiet), "127.0.0.3:0").run()
	mapped := netip.AddrPortFrom(netip.AddrFrom16(two.at(0).Addr().As16()), two.at(0).Port())
	one.SetPeers([]netip.AddrPort{two.at(0), mapped, two.at(0)})
	if peers := one.Peers(); len(peers) != 1 || peers[0].Peer != two.at(0) {
		t.Errorf("peers %v", peers)
	}
	batch := decoded(t, 4)
	one.queue(batch[:2])
	one.awaitEnded(map[Result]int{Sent: 2})
	one.SetPeers(three.Addresses())
	one.queue(batch[2:])
	one.awaitEnded(map[Result]int{Sent: 4})
	checkPackets(t, two.await(2), packetsOf(batch[:2]))
	checkPackets(t, three.await(2), packetsOf(batch[2:]))
	one.checkStats(Stats{Copies: 4})
}

// A peer of a family without a socket costs an error a copy, until there is one:
// Listen may come after Run.
func TestUDPListenLater(t *testing.T) {
	a, b := pair(t, 1500)
	log := new(textLog)
	one := newMember(t, a, udpConfig(log.logger()), "192.0.2.1:7690").run()
	two := newMember(t, b, udpConfig(quiet), "192.0.2.2:7690", "[2001:db8::2]:7690").run()
	one.SetPeers(two.Addresses()) // one member with two addresses
	batch := decoded(t, 40)
	one.queue(batch)
	one.awaitEnded(map[Result]int{Sent: 40})
	two.await(40)
	one.checkStats(Stats{Copies: 40, Errors: 40})
	if log.count("cannot send to peer", "[2001:db8::2]:7690") != 1 || log.count("cannot send") != 1 {
		t.Errorf("log: %s", log)
	}

	one.listen(a, "[2001:db8::1]:7690")
	one.queue(batch)
	two.await(2 * 40) // the copies to its other address are replays to it
	one.awaitEnded(map[Result]int{Sent: 2 * 40})
	one.checkStats(Stats{Copies: 3 * 40, Errors: 40})
	two.SetPeers(addrPorts("[2001:db8::1]:7690"))
	two.queue(batch[:1])
	one.await(1) // the new socket receives
}

func TestUDPListenRefuses(t *testing.T) {
	n := labtest.Node(t, "host")
	taken := stranger(t, n, "127.0.0.1:0").LocalAddr().String()
	for _, c := range []struct {
		name, at, want string
		is             error
	}{
		{"wildcard", "0.0.0.0:7690", "one address of this host", nil},
		{"IPv6 wildcard", "[::]:7690", "one address of this host", nil},
		{"multicast", "[ff02::1]:7690", "one address of this host", nil},
		{"not here", "192.0.2.9:7690", "udp.listen", unix.EADDRNOTAVAIL},
		{"taken", taken, "udp.port", unix.EADDRINUSE},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := newMember(t, n, udpConfig(quiet))
			err := n.Do(func() error { return u.Listen(netip.MustParseAddrPort(c.at)) })
			if err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	u := newMember(t, n, udpConfig(quiet), "127.0.0.1:0")
	must(t, u.Listen(u.at(0)))
	if err := u.Listen(netip.MustParseAddrPort("127.0.0.2:7690")); err == nil || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("a second IPv4 address: %v", err)
	}
}

func TestNewUDPRefuses(t *testing.T) {
	for name, change := range map[string]func(*UDPConfig){
		"no key":       func(c *UDPConfig) { c.Keys = nil },
		"no batch":     func(c *UDPConfig) { c.MaxBatch = 0 },
		"no tolerance": func(c *UDPConfig) { c.Tolerance = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			c := udpConfig(quiet)
			change(&c)
			if _, err := NewUDP(c); err == nil {
				t.Error("no error")
			}
		})
	}
}

// Neither a run nor its end leaves a goroutine behind.
func TestUDPLeavesNothing(t *testing.T) {
	n := labtest.Node(t, "host")
	ignore := goleak.IgnoreCurrent()
	u := newMember(t, n, udpConfig(quiet), "127.0.0.1:0", "[::1]:0").run()
	u.SetPeers(sinks(t, n, 2))
	u.queue(decoded(t, 10))
	u.stop()
	u.awaitEnded(map[Result]int{Sent: 10})
	goleak.VerifyNone(t, ignore)
}
