package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// cable is a veth pair within one node: what we send on iface comes in at the
// far end.
type cable struct {
	iface Interface
	far   string
}

// lay makes a cable that carries frames. Its ends get carrier a moment after
// they were brought up, and until then the kernel throws frames away unsaid.
func lay(t testing.TB, n *lab.Node, name string, mtu int) cable {
	t.Helper()
	c := cable{iface: Interface{Name: name, MAC: [6]byte{2, 0, 0x5e, 0x10, byte(mtu >> 8), byte(mtu)}}, far: name + "-far"}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.HardwareAddr = name, mtu, net.HardwareAddr(c.iface.MAC[:])
	must(t, n.Handle().LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: c.far, PeerMTU: uint32(mtu)}))
	setUp(t, n, c.far)
	setUp(t, n, name)
	for _, end := range []string{name, c.far} {
		awaitCarrier(t, n, end)
	}
	c.iface.Index = link(t, n, name).Attrs().Index
	return c
}

func awaitCarrier(t testing.TB, n *lab.Node, name string) {
	t.Helper()
	labtest.Eventually(t, 5*time.Second, name+" has carrier", func() error {
		if state := link(t, n, name).Attrs().OperState; state != netlink.OperUp {
			return fmt.Errorf("it is %v", state)
		}
		return nil
	})
}

func link(t testing.TB, n *lab.Node, name string) netlink.Link {
	t.Helper()
	l, err := n.Handle().LinkByName(name)
	must(t, err)
	return l
}

func setUp(t testing.TB, n *lab.Node, name string) {
	t.Helper()
	must(t, n.Handle().LinkSetUp(link(t, n, name)))
}

func setDown(t testing.TB, n *lab.Node, name string) {
	t.Helper()
	must(t, n.Handle().LinkSetDown(link(t, n, name)))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var quiet = slog.New(slog.DiscardHandler)

// open makes a Broadcast whose socket is in the node.
func open(t testing.TB, n *lab.Node, log *slog.Logger, interfaces ...Interface) (b *Broadcast) {
	t.Helper()
	must(t, n.Do(func() (err error) {
		b, err = NewBroadcast(256, interfaces, log)
		return err
	}))
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// tap records every broadcast frame, PTB or not, that comes in at the far end.
func tap(t testing.TB, n *lab.Node, c cable) *lab.Tap {
	t.Helper()
	return labtest.TapWith(t, n, c.far, lab.TapOptions{All: true, Types: []lab.PacketType{lab.PacketBroadcast}})
}

// arrived is what came in at the far end, in order.
func arrived(t testing.TB, n *lab.Node, c cable, tap *lab.Tap) (frames [][]byte) {
	t.Helper()
	for _, f := range labtest.Fence(t, n, c.iface.Name, tap) {
		frames = append(frames, f.Data)
	}
	return frames
}

// frame is what a packet must look like on the wire.
func frame(mac [6]byte, item classify.Message) []byte {
	etherType := uint16(0x0800)
	if item.Family == classify.IPv6 {
		etherType = 0x86dd
	}
	f := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, mac[:]...)
	return append(binary.BigEndian.AppendUint16(f, etherType), item.Packet...)
}

func framesOf(mac [6]byte, batch []classify.Message) (frames [][]byte) {
	for _, item := range batch {
		frames = append(frames, frame(mac, item))
	}
	return frames
}

// checkFrames compares frames in order.
func checkFrames(t *testing.T, where string, got, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d frames, want %d", where, len(got), len(want))
		return
	}
	for i := range want {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("%s: frame %d is\n%x, want\n%x", where, i, got[i], want[i])
			return
		}
	}
}

// items are n PTBs of both families, no two alike, some short and some long.
func items(n int) (batch []classify.Message) {
	for i := range n {
		p := classifytest.PTB{ClientPort: uint16(1000 + i), Family: classify.IPv4}
		if i%3 == 1 {
			p.Family = classify.IPv6
		}
		if i%5 == 2 {
			p.QuoteBytes = 500 + i
		}
		batch = append(batch, classify.Message{Packet: p.Bytes(), Family: p.Family})
	}
	return batch
}

// sized is a PTB of exactly so many bytes.
func sized(length int) classify.Message {
	p := classifytest.PTB{QuoteBytes: 1232}
	p.Padding = length - len(p.Bytes())
	return classify.Message{Packet: p.Bytes(), Family: classify.IPv4}
}

func send(b *Broadcast, batch []classify.Message) []Result {
	results := make([]Result, len(batch))
	b.Send(time.Time{}, batch, results)
	return results
}

// all is n times the same result.
func all(r Result, n int) []Result { return slices.Repeat([]Result{r}, n) }

func checkResults(t *testing.T, got, want []Result) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("results\n%v, want\n%v", got, want)
	}
}

func checkStats(t *testing.T, b *Broadcast, copies, errors uint64) {
	t.Helper()
	if got, want := b.Stats(), (Stats{Copies: copies, Errors: errors}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// shape puts a slow queue on an interface that holds so many bytes.
func shape(t *testing.T, n *lab.Node, c cable, limit uint32) {
	t.Helper()
	const bytesPerSecond = 1000
	slow(t, n, c.iface.Index, bytesPerSecond, limit)
}

// slow puts a queue on an interface that sends at that rate and holds so many
// bytes. A kernel without that queue skips the test, where the lab is not required.
func slow(t *testing.T, n *lab.Node, index int, bytesPerSecond uint64, limit uint32) {
	t.Helper()
	const burst = 1500
	err := n.Handle().QdiscAdd(&netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
		Rate:       bytesPerSecond,
		Limit:      limit,
		Buffer:     netlink.Xmittime(bytesPerSecond, burst),
	})
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) {
		labtest.Unable(t, fmt.Errorf("this kernel has no tbf queue: %w", err))
	}
	must(t, err)
}

// shrinkSendBuffer gives the socket the smallest buffer that the kernel allows.
func shrinkSendBuffer(t *testing.T, b *Broadcast) {
	t.Helper()
	must(t, unix.SetsockoptInt(b.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1))
}
