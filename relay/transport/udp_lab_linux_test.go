package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
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

// clusterKey is that of the tests' members.
var clusterKey = Key{1, 2, 3}

// soon bounds what should come at once.
const soon = 10 * time.Second

func udpConfig(log *slog.Logger) UDPConfig {
	return UDPConfig{Keys: Keys{clusterKey}, Tolerance: 30 * time.Second, MaxBatch: 256, Log: log}
}

// member is a UDP, and what its handlers were told.
type member struct {
	*UDP
	t     testing.TB
	stop  func() // ends Run
	onPTB func() // called for each that comes in

	mu      sync.Mutex
	packets [][]byte
	from    []netip.AddrPort
	listed  int            // of them from peers
	ended   map[Result]int // messages of which Done has told
	asked   []netip.Addr
	answer  Answer
}

// newMember makes one on a node that listens on these addresses and does not run
// yet.
func newMember(t testing.TB, n *lab.Node, c UDPConfig, listen ...string) *member {
	t.Helper()
	u, err := NewUDP(c)
	must(t, err)
	t.Cleanup(func() {
		if err := u.Close(); !errors.Is(err, os.ErrClosed) {
			must(t, err)
		}
	})
	m := &member{UDP: u, t: t, ended: make(map[Result]int)}
	for _, a := range listen {
		m.listen(n, a)
	}
	return m
}

func (m *member) listen(n *lab.Node, a string) {
	m.t.Helper()
	must(m.t, n.Do(func() error { return m.Listen(netip.MustParseAddrPort(a)) }))
}

// run runs it until stop is called or the test ends.
func (m *member) run() *member {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx, Handlers{Done: m.tookDone, PTB: m.tookPTB, Answer: m.tookProbe}) }()
	m.stop = sync.OnceFunc(func() {
		cancel()
		must(m.t, <-ended)
	})
	m.t.Cleanup(m.stop)
	return m
}

func (m *member) tookDone(_ time.Time, _ *classify.Message, r Result) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended[r]++
}

func (m *member) tookPTB(from netip.AddrPort, fromPeer bool, packet []byte) {
	if m.onPTB != nil {
		m.onPTB()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.packets = append(m.packets, bytes.Clone(packet))
	m.from = append(m.from, from)
	if fromPeer {
		m.listed++
	}
}

func (m *member) tookProbe(vips []netip.Addr) Answer {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, vips...)
	return m.answer
}

// at is where the member listens, IPv4 first.
func (m *member) at(i int) netip.AddrPort { return m.Addresses()[i] }

// queue sends and checks that all has been queued.
func (m *member) queue(batch []classify.Message) {
	m.t.Helper()
	results := make([]Result, len(batch))
	m.Send(time.Now(), batch, results)
	if !slices.Equal(results, all(Queued, len(batch))) {
		m.t.Fatalf("results %v", results)
	}
}

// offer sends as fast as the ring takes it and returns how many messages it took.
func (m *member) offer(batch []classify.Message) (queued int) {
	results := make([]Result, 1)
	for i := range batch {
		m.Send(time.Now(), batch[i:i+1], results)
		queued += count(results, Queued)
	}
	return queued
}

// awaitEnded waits until so many messages have ended, and checks how.
func (m *member) awaitEnded(want map[Result]int) {
	m.t.Helper()
	total := 0
	for _, n := range want {
		total += n
	}
	labtest.Eventually(m.t, soon, "messages end", func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		ended := 0
		for _, n := range m.ended {
			ended += n
		}
		if ended < total {
			return fmt.Errorf("%v, want %v", m.ended, want)
		}
		return nil
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	for r, n := range m.ended {
		if want[r] != n {
			m.t.Fatalf("%v, want %v", m.ended, want)
		}
	}
}

// await waits until it has got so many packets, and returns them.
func (m *member) await(n int) [][]byte {
	m.t.Helper()
	labtest.Eventually(m.t, soon, "packets arrive", func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if len(m.packets) < n {
			return fmt.Errorf("%d of %d", len(m.packets), n)
		}
		return nil
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.packets)
}

// checkPackets compares what arrived, whatever its order: trains go by size.
func checkPackets(t *testing.T, got, want [][]byte) {
	t.Helper()
	got, want = slices.Clone(got), slices.Clone(want)
	slices.SortFunc(got, bytes.Compare)
	slices.SortFunc(want, bytes.Compare)
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("%d packets arrived, and not just as the %d sent", len(got), len(want))
	}
}

// packetsOf is what of these messages arrives.
func packetsOf(batch []classify.Message) (packets [][]byte) {
	for i := range batch {
		packets = append(packets, cut(nil, &batch[i]))
	}
	return packets
}

// decoded are n PTBs of both families as the decoder gives them.
func decoded(t testing.TB, n int) (batch []classify.Message) {
	t.Helper()
	for _, m := range items(n) {
		batch = append(batch, decode(t, m.Packet))
	}
	return batch
}

func decode(t testing.TB, packet []byte) classify.Message {
	t.Helper()
	var d classify.Decoder
	m, verdict := d.Decode(packet)
	if verdict != classify.Eligible {
		t.Fatalf("verdict %v", verdict)
	}
	return *m
}

// ptbOf is an IPv4 PTB of so many bytes, at least 56.
func ptbOf(size int) classify.Message {
	const headers = 20 + 8
	return classify.Message{Packet: classifytest.PTB{QuoteBytes: size - headers}.Bytes(), Family: classify.IPv4}
}

// longPTB is longer than an envelope carries.
func longPTB(t testing.TB) classify.Message {
	t.Helper()
	return decode(t, classifytest.PTB{QuoteBytes: 1400}.Bytes())
}

func (m *member) checkStats(want Stats) {
	m.t.Helper()
	if got := m.Stats().Stats; got != want {
		m.t.Errorf("%+v, want %+v", got, want)
	}
}

// join lays a cable between two nodes, eth0 at both ends, with these addresses.
func join(t testing.TB, a, b *lab.Node, mtu int, ofA, ofB []string) {
	t.Helper()
	ns := -1
	must(t, b.Do(func() (err error) {
		ns, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		return err
	}))
	defer unix.Close(ns)
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = "eth0", mtu
	must(t, a.Handle().LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerNamespace: netlink.NsFd(ns), PeerMTU: uint32(mtu)}))
	setUp(t, a, "eth0")
	setUp(t, b, "eth0")
	awaitCarrier(t, a, "eth0")
	awaitCarrier(t, b, "eth0")
	addAddresses(t, a, "eth0", ofA...)
	addAddresses(t, b, "eth0", ofB...)
	introduce(t, a, b, ofB)
	introduce(t, b, a, ofA)
}

// introduce lets a node know the addresses of its neighbour: a first burst would
// lose what does not fit into the kernel's queue for those that it has to ask for.
func introduce(t testing.TB, n, neighbour *lab.Node, prefixes []string) {
	t.Helper()
	for _, p := range prefixes {
		must(t, n.Handle().NeighSet(&netlink.Neigh{
			LinkIndex:    link(t, n, "eth0").Attrs().Index,
			State:        netlink.NUD_PERMANENT,
			IP:           netip.MustParsePrefix(p).Addr().AsSlice(),
			HardwareAddr: link(t, neighbour, "eth0").Attrs().HardwareAddr,
		}))
	}
}

func addAddresses(t testing.TB, n *lab.Node, iface string, prefixes ...string) {
	t.Helper()
	for _, p := range prefixes {
		address, err := netlink.ParseAddr(p)
		must(t, err)
		if address.IP.To4() == nil {
			address.Flags = unix.IFA_F_NODAD // usable at once
		}
		must(t, n.Handle().AddrAdd(link(t, n, iface), address))
		awaitLocal(t, n, address.IP)
	}
}

// awaitLocal waits until the kernel takes packets to an address of its own: it can
// be bound to a moment before.
func awaitLocal(t testing.TB, n *lab.Node, ip net.IP) {
	t.Helper()
	labtest.Eventually(t, soon, ip.String()+" is local", func() error {
		routes, err := n.Handle().RouteGet(ip)
		if err == nil && (len(routes) != 1 || routes[0].Type != unix.RTN_LOCAL) {
			err = fmt.Errorf("routes %v", routes)
		}
		return err
	})
}

// pair is two nodes with a cable between them: 192.0.2.1 and 2001:db8::1, and
// the same with 2.
func pair(t testing.TB, mtu int) (a, b *lab.Node) {
	t.Helper()
	a, b = labtest.Node(t, "a"), labtest.Node(t, "b")
	join(t, a, b, mtu, []string{"192.0.2.1/24", "2001:db8::1/64"}, []string{"192.0.2.2/24", "2001:db8::2/64"})
	return a, b
}

func addrPorts(list ...string) (addresses []netip.AddrPort) {
	for _, a := range list {
		addresses = append(addresses, netip.MustParseAddrPort(a))
	}
	return addresses
}

// sinks opens sockets on loopback that nobody reads, with the smallest buffer.
func sinks(t testing.TB, n *lab.Node, count int) (addresses []netip.AddrPort) {
	t.Helper()
	must(t, n.Do(func() error {
		for range count {
			conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				return err
			}
			t.Cleanup(func() { must(t, conn.Close()) })
			if err := conn.SetReadBuffer(1); err != nil {
				return err
			}
			addresses = append(addresses, conn.LocalAddr().(*net.UDPAddr).AddrPort())
		}
		return nil
	}))
	return addresses
}

// stranger opens a plain UDP socket on a node.
func stranger(t testing.TB, n *lab.Node, a string) *net.UDPConn {
	t.Helper()
	var conn *net.UDPConn
	must(t, n.Do(func() (err error) {
		conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(a)))
		return err
	}))
	t.Cleanup(func() { must(t, conn.Close()) })
	return conn
}

func write(t testing.TB, from *net.UDPConn, to netip.AddrPort, datagram []byte) {
	t.Helper()
	_, err := from.WriteToUDPAddrPort(datagram, to)
	must(t, err)
}

// textLog is a log that can be read: lines of "LEVEL message key=value...".
type textLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *textLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *textLog) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// String is the whole log.
func (l *textLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// count is how many lines hold all of these texts.
func (l *textLog) count(texts ...string) (n int) {
	for line := range strings.Lines(l.String()) {
		if !slices.ContainsFunc(texts, func(s string) bool { return !strings.Contains(line, s) }) {
			n++
		}
	}
	return n
}
