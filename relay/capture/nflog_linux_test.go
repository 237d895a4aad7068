package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// wait is how long an effect may take on a slow machine.
const wait = 10 * time.Second

// logUDP loads rules that log inbound UDP packets of each port to a group.
func logUDP(t testing.TB, n *lab.Node, groups map[uint16]uint16) {
	t.Helper()
	err := n.Do(func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		table := conn.AddTable(&nftables.Table{Name: "logs", Family: nftables.TableFamilyINet})
		chain := conn.AddChain(&nftables.Chain{Name: "in", Table: table, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRaw})
		for port, group := range groups {
			conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
				&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_UDP}},
				&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{byte(port >> 8), byte(port)}},
				&expr.Log{Key: 1<<unix.NFTA_LOG_GROUP | 1<<unix.NFTA_LOG_QTHRESHOLD, Group: group, QThreshold: 1},
			}})
		}
		return conn.Flush()
	})
	if err != nil {
		t.Fatal(err)
	}
}

// openOn opens a group on a node until the test ends.
func openOn(t testing.TB, n *lab.Node, c NFLOGConfig) (source *NFLOG, err error) {
	t.Helper()
	err = n.Do(func() (err error) {
		source, err = OpenNFLOG(c)
		return err
	})
	if err == nil {
		t.Cleanup(func() {
			if err := source.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return source, err
}

// caught collects what a source hands over, until the test ends.
type caught struct {
	mu      sync.Mutex
	packets []Packet
}

func catch(t testing.TB, s Source) *caught {
	t.Helper()
	c := &caught{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- s.Run(ctx, func(_ time.Time, batch []Packet) {
			c.mu.Lock()
			defer c.mu.Unlock()
			for _, p := range batch {
				c.packets = append(c.packets, Packet{bytes.Clone(p.Data), p.From})
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return c
}

// await waits until a packet was caught, and returns all.
func (c *caught) await(t testing.TB) (packets []Packet) {
	t.Helper()
	labtest.Eventually(t, wait, "a packet is captured", func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		packets = slices.Clone(c.packets)
		if len(packets) == 0 {
			return errors.New("none came")
		}
		return nil
	})
	return packets
}

// text is what a packet to a port says.
func text(port uint16) []byte { return fmt.Appendf(nil, "to port %d", port) }

// sendUDP sends one packet to a VIP from the client.
func sendUDP(t testing.TB, l *lab.Lab, to netip.AddrPort) {
	t.Helper()
	c, err := l.Client.Dial(t.Context(), "udp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(text(to.Port())); err != nil {
		t.Fatal(err)
	}
}

// What nobody has taken yet is seen from outside, and that it was taken.
func TestWaiting(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 1})
	logUDP(t, l.Servers[0], map[uint16]uint16{4033: 33})
	source, err := openOn(t, l.Servers[0], NFLOGConfig{Group: 33, Buffer: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	waiting := func(want bool) func() error {
		return func() error {
			if source.Waiting() != want {
				return fmt.Errorf("not %v", want)
			}
			return nil
		}
	}
	if source.Waiting() {
		t.Error("something waits before anything came")
	}
	sendUDP(t, l, netip.AddrPortFrom(l.VIP(lab.IPv4), 4033))
	labtest.Eventually(t, wait, "a message waits", waiting(true))
	catch(t, source).await(t)
	labtest.Eventually(t, wait, "none waits", waiting(false))
}

// Two groups of one process each get what is logged to them and nothing else, with
// small buffers, and with the address of the neighbour that sent the frame: the
// router.
func TestTwoGroups(t *testing.T) {
	for _, family := range lab.Families() {
		t.Run(family.String(), func(t *testing.T) {
			l := labtest.New(t, lab.Options{Clients: 1, Servers: 1})
			groups := map[uint16]uint16{4033: 33, 4034: 34}
			logUDP(t, l.Servers[0], groups)
			packets := map[uint16]*caught{}
			for port, group := range groups {
				source, err := openOn(t, l.Servers[0], NFLOGConfig{Group: group, Buffer: 64 << 10})
				if err != nil {
					t.Fatal(err)
				}
				packets[port] = catch(t, source)
			}
			router := mac(t, l.Router, l.RouterInterface(0))
			for port := range groups {
				sendUDP(t, l, netip.AddrPortFrom(l.VIP(family), port))
			}
			for port := range groups {
				for _, p := range packets[port].await(t) {
					if p.From != router || !bytes.HasSuffix(p.Data, text(port)) {
						t.Errorf("port %d: got % x from %x, want %q from %x", port, p.Data, p.From, text(port), router)
					}
				}
			}
		})
	}
}

// mac is the Ethernet address of a node's interface.
func mac(t testing.TB, n *lab.Node, iface string) [6]byte {
	t.Helper()
	link, err := n.Handle().LinkByName(iface)
	if err != nil {
		t.Fatal(err)
	}
	return [6]byte(link.Attrs().HardwareAddr)
}

// A packet that crossed no Ethernet has no sender.
func TestLoopbackHasNoSender(t *testing.T) {
	n := labtest.Node(t, "host")
	logUDP(t, n, map[uint16]uint16{4033: 33})
	source, err := openOn(t, n, NFLOGConfig{Group: 33, Buffer: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	packets := catch(t, source)
	c, err := n.Dial(t.Context(), "udp", net.JoinHostPort("127.0.0.1", "4033"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	for _, p := range packets.await(t) {
		if p.From != ([6]byte{}) {
			t.Errorf("it came from %x", p.From)
		}
	}
}

// A group with an owner can be told from a missing capability, and is free again
// once its owner has closed it.
func TestGroupTaken(t *testing.T) {
	n := labtest.Node(t, "host")
	first, err := openOn(t, n, NFLOGConfig{Group: 33, Buffer: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openOn(t, n, NFLOGConfig{Group: 33, Buffer: 1 << 20}); !errors.Is(err, ErrGroupTaken) {
		t.Errorf("a group with an owner: %v", err)
	}
	if _, err := openOn(t, n, NFLOGConfig{Group: 34, Buffer: 1 << 20}); err != nil {
		t.Errorf("another group: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := openOn(t, n, NFLOGConfig{Group: 33, Buffer: 1 << 20}); err != nil {
		t.Errorf("a group that was closed: %v", err)
	}
}

// Without CAP_NET_ADMIN the error is EPERM and says what to do, whether or not the
// group is free.
func TestNoCapability(t *testing.T) {
	n := labtest.Node(t, "host")
	if _, err := openOn(t, n, NFLOGConfig{Group: 33, Buffer: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	for _, group := range []uint16{33, 34} {
		err := n.Do(func() error {
			return withoutCapabilities(func() error {
				_, err := OpenNFLOG(NFLOGConfig{Group: group, Buffer: 1 << 20})
				return err
			})
		})
		if !errors.Is(err, unix.EPERM) || errors.Is(err, ErrGroupTaken) {
			t.Errorf("group %d: %v, want EPERM", group, err)
		}
	}
}

// withoutCapabilities takes them from the thread for good, then calls f: for the
// thread of a node, which ends with the call.
func withoutCapabilities(f func() error) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return err
	}
	return f()
}
