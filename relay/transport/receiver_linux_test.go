package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/integration/labtest"
)

// judged is the datagrams that a member counted, but for its own probing.
func judged(m *member) (d Datagrams) {
	d = m.Stats().Datagrams
	d[TypeReceipt] = [NumDatagramResults]uint64{}
	return d
}

// Every result comes from a datagram on a real socket, and only what was opened
// reaches the handler.
func TestDatagramResults(t *testing.T) {
	n := labtest.Node(t, "host")
	packet := decoded(t, 1)[0].Packet
	seal := func(s *sealer, kind Type, payload []byte, now time.Time) []byte {
		b, _ := s.seal(nil, kind, payload, now)
		return b
	}
	other := newSealer(clusterKey)
	good := func() []byte { return seal(other, TypePTB, packet, time.Now()) }
	with := func(at int, v byte) []byte {
		b := good()
		b[at] = v
		return b
	}
	for _, c := range []struct {
		name      string
		datagrams func(*member) [][]byte
		kind      Type
		want      map[DatagramResult]uint64
	}{
		{"opened", func(*member) [][]byte { return [][]byte{good(), good()} }, TypePTB, map[DatagramResult]uint64{Opened: 2}},
		{"forged", func(*member) [][]byte { return [][]byte{with(40, 0), with(40, 1)} }, TypePTB, map[DatagramResult]uint64{Unauthenticated: 2}},
		{"re-keyed", func(*member) [][]byte { return [][]byte{seal(newSealer(Key{9}), TypePTB, packet, time.Now())} }, TypePTB, map[DatagramResult]uint64{Unauthenticated: 1}},
		{"replayed", func(*member) [][]byte { b := good(); return [][]byte{b, b, b} }, TypePTB, map[DatagramResult]uint64{Opened: 1, Replayed: 2}},
		{"old", func(*member) [][]byte {
			return [][]byte{seal(other, TypePTB, packet, time.Now().Add(-31*time.Second))}
		}, TypePTB, map[DatagramResult]uint64{Stale: 1}},
		{"of the future", func(*member) [][]byte {
			return [][]byte{seal(other, TypePTB, packet, time.Now().Add(31*time.Second))}
		}, TypePTB, map[DatagramResult]uint64{Stale: 1}},
		{"sealed before the start", func(m *member) [][]byte {
			return [][]byte{seal(other, TypePTB, packet, m.started.Add(-2*time.Millisecond))}
		}, TypePTB, map[DatagramResult]uint64{Stale: 1}},
		{"other version", func(*member) [][]byte { return [][]byte{with(headerVersion, 2)} }, TypeUnknown, map[DatagramResult]uint64{BadVersion: 1}},
		{"pass-on", func(*member) [][]byte { return [][]byte{with(headerType, byte(TypePassOn))} }, TypePassOn, map[DatagramResult]uint64{BadType: 1}},
		{"unknown type", func(*member) [][]byte { return [][]byte{with(headerType, 77)} }, TypeUnknown, map[DatagramResult]uint64{BadType: 1}},
		{"empty", func(*member) [][]byte { return [][]byte{{}} }, TypeUnknown, map[DatagramResult]uint64{BadSize: 1}},
		{"one byte too long", func(*member) [][]byte { return [][]byte{append(good(), make([]byte, maxDatagram)...)[:maxDatagram+1]} }, TypePTB, map[DatagramResult]uint64{BadSize: 1}},
		{"far too long", func(*member) [][]byte { return [][]byte{append(good(), make([]byte, 9000)...)} }, TypePTB, map[DatagramResult]uint64{BadSize: 1}},
		{"own", func(m *member) [][]byte {
			return [][]byte{seal(m.sealer.Load(), TypePTB, packet, time.Now())}
		}, TypePTB, map[DatagramResult]uint64{Self: 1}},
		{"own of an earlier key", func(m *member) [][]byte {
			b := seal(m.sealer.Load(), TypePTB, packet, time.Now())
			m.SetKeys(Keys{{7}, clusterKey})
			m.SetKeys(Keys{{8}, clusterKey})
			return [][]byte{b}
		}, TypePTB, map[DatagramResult]uint64{Self: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMember(t, n, udpConfig(quiet), "127.0.0.1:0").run()
			from := stranger(t, n, "127.0.0.2:0")
			var want Datagrams
			total := uint64(0)
			for r, n := range c.want {
				want[c.kind][r] = n
				total += n
			}
			for _, d := range c.datagrams(m) {
				write(t, from, m.at(0), d)
			}
			labtest.Eventually(t, soon, "counted", func() error { return counted(m, total) })
			if got := judged(m); got != want {
				t.Errorf("%v, want %v", got, want)
			}
			m.await(int(c.want[Opened]))
		})
	}
}

// Sessions that nobody knows cost cryptography, and so are few: half of the burst
// for strangers, all of it for peers.
func TestDatagramsLimited(t *testing.T) {
	n := labtest.Node(t, "host")
	m := newMember(t, n, udpConfig(quiet), "127.0.0.1:0").run()
	from, peer := stranger(t, n, "127.0.0.2:0"), stranger(t, n, "127.0.0.3:0")
	m.SetPeers([]netip.AddrPort{peer.LocalAddr().(*net.UDPAddr).AddrPort()})

	forged, _ := newSealer(clusterKey).seal(nil, TypePTB, make([]byte, 100), time.Now())
	sent := uint64(0)
	labtest.Eventually(t, soon, "forged datagrams are limited", func() error {
		for range 200 {
			sent++
			binary.BigEndian.PutUint64(forged[headerSession:], sent) // a session of its own
			write(t, from, m.at(0), forged)
		}
		if err := counted(m, sent); err != nil {
			return err
		}
		if m.Stats().Datagrams[TypePTB][Limited] == 0 {
			return errors.New("none yet")
		}
		return nil
	})
	good, _ := newSealer(clusterKey).seal(nil, TypePTB, decoded(t, 1)[0].Packet, time.Now())
	write(t, peer, m.at(0), good)
	m.await(1)
}

// A flood of forged datagrams leaves delivery working.
func TestFloodOfForgedDatagrams(t *testing.T) {
	n := labtest.Node(t, "host")
	m := newMember(t, n, udpConfig(quiet), "127.0.0.1:0").run()
	peer := newMember(t, n, udpConfig(quiet), "127.0.0.3:0").run()
	m.SetPeers(peer.Addresses())
	peer.SetPeers(m.Addresses())
	from := stranger(t, n, "127.0.0.2:0")
	forged, _ := newSealer(clusterKey).seal(nil, TypePTB, make([]byte, 100), time.Now())
	batch := decoded(t, 100)
	for i := range batch {
		for j := range uint64(200) {
			binary.BigEndian.PutUint64(forged[headerSession:], uint64(i)<<32|j)
			write(t, from, m.at(0), forged)
		}
		peer.queue(batch[i : i+1])
		labtest.Eventually(t, soon, "the flood is judged", func() error { return counted(m, uint64(i+1)*200) })
	}
	checkPackets(t, m.await(len(batch)), packetsOf(batch))
}

// Two sockets that receive at once call no two handlers at once.
func TestHandlersRunOneAtATime(t *testing.T) {
	n := labtest.Node(t, "host")
	m := newMember(t, n, udpConfig(quiet), "127.0.0.1:0", "[::1]:0")
	var inside atomic.Int32
	var once sync.Once
	m.onPTB = func() {
		if inside.Add(1) != 1 {
			t.Error("a handler runs beside another")
		}
		once.Do(func() { <-time.After(50 * time.Millisecond) }) // the other socket has something meanwhile
		inside.Add(-1)
	}
	m.run()
	const each = 200
	batch := decoded(t, each)
	var sending sync.WaitGroup
	for i, from := range []string{"127.0.0.2:0", "[::1]:0"} {
		peer := newMember(t, n, udpConfig(quiet), from).run()
		peer.SetPeers([]netip.AddrPort{m.at(i)})
		sending.Go(func() { peer.offer(batch) })
	}
	sending.Wait()
	m.await(2 * each)
}

// Only what comes from a peer's address and port is a peer's: any user of its host
// may send from another port.
func TestPTBOfPeersAndOthers(t *testing.T) {
	n := labtest.Node(t, "host")
	m := newMember(t, n, udpConfig(quiet), "127.0.0.1:0").run()
	peer, other := stranger(t, n, "127.0.0.2:0"), stranger(t, n, "127.0.0.2:0")
	m.SetPeers([]netip.AddrPort{peer.LocalAddr().(*net.UDPAddr).AddrPort()})
	sealer := newSealer(clusterKey)
	packet := decoded(t, 1)[0].Packet
	for i, from := range []*net.UDPConn{other, other, peer} {
		b, _ := sealer.seal(nil, TypePTB, packet, time.Now())
		write(t, from, m.at(0), b)
		m.await(i + 1)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.listed != 1 {
		t.Errorf("%d of 3 were from the peer, want 1", m.listed)
	}
}

// The receive path of PTBs in a known session does not allocate.
func TestReceiveDoesNotAllocate(t *testing.T) {
	m := newMember(t, labtest.Node(t, "host"), udpConfig(quiet), "127.0.0.1:0")
	m.handlers.PTB = func(netip.AddrPort, bool, []byte) {}
	s := m.sockets[classify.IPv4].Load()
	r := newReceiver(s, m.take)
	sealer, to := newSealer(clusterKey), newSockaddr(m.at(0))
	packet := decoded(t, 1)[0].Packet
	const runs, each = 100, 8
	var datagrams [][]byte
	for range (runs + 1) * each {
		b, _ := sealer.seal(nil, TypePTB, packet, time.Now())
		datagrams = append(datagrams, b)
	}
	must(t, s.raw.Control(func(fd uintptr) {
		allocs := testing.AllocsPerRun(runs, func() {
			for range each {
				errno := sendTo(fd, &to, datagrams[0])
				if errno != 0 {
					t.Error(errno)
				}
				datagrams = datagrams[1:]
			}
			r.read(fd)
		})
		if allocs != 0 {
			t.Errorf("%d datagrams allocate %v times", each, allocs)
		}
	}))
	if got := m.Stats().Datagrams[TypePTB][Opened]; got != (runs+1)*each {
		t.Errorf("%d datagrams were read, want %d", got, (runs+1)*each)
	}
}

// counted tells whether a member has judged so many datagrams.
func counted(m *member, want uint64) error {
	var got uint64
	for _, results := range judged(m) {
		for _, n := range results {
			got += n
		}
	}
	if got < want {
		return fmt.Errorf("%d of %d datagrams", got, want)
	}
	return nil
}
