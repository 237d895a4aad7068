package transport

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// clusterKey is that of the tests' members.
var clusterKey = Key{1, 2, 3}

func udpConfig(log *slog.Logger) UDPConfig {
	return UDPConfig{Keys: Keys{clusterKey}, Tolerance: 30 * time.Second, MaxBatch: 256, Log: log}
}

// member is a UDP that runs, and what its handlers were told.
type member struct {
	*UDP
	mu      sync.Mutex
	packets [][]byte
	from    []netip.AddrPort
	done    map[Result]int
	answer  Answer
	stop    func()
}

// start makes a member on a node that listens on these addresses.
func start(t testing.TB, n *lab.Node, c UDPConfig, listen ...string) *member {
	t.Helper()
	m := newMember(t, n, c, listen...)
	m.run(t)
	return m
}

// newMember makes one that does not run yet.
func newMember(t testing.TB, n *lab.Node, c UDPConfig, listen ...string) *member {
	t.Helper()
	u, err := NewUDP(c)
	must(t, err)
	for _, a := range listen {
		must(t, n.Do(func() error { return u.Listen(netip.MustParseAddrPort(a)) }))
	}
	t.Cleanup(func() { must(t, u.Close()) })
	return &member{UDP: u, done: make(map[Result]int)}
}

// run runs it until the test ends or stop is called.
func (m *member) run(t testing.TB) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.UDP.Run(ctx, Handlers{Done: m.tookDone, PTB: m.tookPTB, Answer: m.tookProbe}) }()
	m.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(m.stop)
}

func (m *member) tookDone(_ time.Time, _ *classify.Message, r Result) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done[r]++
}

func (m *member) tookPTB(from netip.AddrPort, packet []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.packets = append(m.packets, append([]byte(nil), packet...))
	m.from = append(m.from, from)
}

func (m *member) tookProbe([]netip.Addr) Answer {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.answer
}

func ports(addresses ...string) (list []netip.AddrPort) {
	for _, a := range addresses {
		list = append(list, netip.MustParseAddrPort(a))
	}
	return list
}

// sink opens a socket that nobody reads, with the smallest buffer.
func sink(t testing.TB, n *lab.Node, a netip.AddrPort) netip.AddrPort {
	t.Helper()
	var conn *net.UDPConn
	must(t, n.Do(func() (err error) {
		conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(a))
		if err == nil {
			err = conn.SetReadBuffer(1)
		}
		return err
	}))
	t.Cleanup(func() { must(t, conn.Close()) })
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

var _ = labtest.Node
