package host

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

func listenersOn(n *lab.Node) (l []Listener, err error) {
	err = n.Do(func() (err error) {
		l, err = ReadListeners()
		return err
	})
	return l, err
}

// expectListeners fails the test unless these are all.
func expectListeners(t *testing.T, n *lab.Node, want ...Listener) {
	t.Helper()
	got, err := listenersOn(n)
	if err != nil {
		t.Fatal(err)
	}
	order := func(a, b Listener) int { return a.Local.Compare(b.Local) }
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// socketOn opens a socket on a node, bound to an interface ("": any) and an
// address, and closes it when the test ends.
func socketOn(t *testing.T, n *lab.Node, network, iface, address string) {
	t.Helper()
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if iface == "" {
			return nil
		}
		return errors.Join(c.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), iface) }), err)
	}}
	if err := n.Do(func() error {
		if network[:3] == "tcp" {
			l, err := config.Listen(t.Context(), network, address) // MPTCP, as Go prefers
			if err == nil {
				closeAtEnd(t, l)
			}
			return err
		}
		c, err := config.ListenPacket(t.Context(), network, address)
		if err == nil {
			closeAtEnd(t, c)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// descriptor is a file that package os did not open.
type descriptor int

func (d descriptor) Close() error { return unix.Close(int(d)) }

// What takes packets from anybody is there, and nothing that is connected.
func TestReadListeners(t *testing.T) {
	n := labtest.Node(t, "host")
	k := kernel{n.Handle(), t}
	k.addVeth("eth0", "far0", 1500, "02:00:5e:10:00:01")
	k.setUp("eth0", "far0")
	k.addAddress("eth0", "198.51.100.7/24", "2001:db8:1::7/64")
	expectListeners(t, n)

	socketOn(t, n, "tcp4", "", ":80")
	socketOn(t, n, "tcp6", "", ":81")
	socketOn(t, n, "tcp", "", ":82") // both families
	socketOn(t, n, "tcp4", "", "198.51.100.7:83")
	socketOn(t, n, "tcp6", "eth0", "[2001:db8:1::7]:84")
	socketOn(t, n, "udp4", "", ":53")
	socketOn(t, n, "udp6", "eth0", ":54")
	socketOn(t, n, "udp", "", ":55")
	socketOn(t, n, "udp4", "", "127.0.0.1:56")

	connected := netip.MustParseAddrPort("198.51.100.7:50000")
	dialFrom(t, n, "tcp", connected, netip.MustParseAddrPort("198.51.100.7:83"))
	dialFrom(t, n, "udp", connected, netip.MustParseAddrPort("198.51.100.7:53"))

	at := netip.MustParseAddrPort
	expectListeners(t, n,
		Listener{Local: at("0.0.0.0:80")},
		Listener{Local: at("[::]:81"), IPv6Only: true},
		Listener{Local: at("[::]:82")},
		Listener{Local: at("198.51.100.7:83")},
		Listener{Local: at("[2001:db8:1::7]:84"), IPv6Only: true},
		Listener{UDP: true, Local: at("0.0.0.0:53")},
		Listener{UDP: true, Local: at("[::]:54"), IPv6Only: true},
		Listener{UDP: true, Local: at("[::]:55")},
		Listener{UDP: true, Local: at("127.0.0.1:56")},
	)
}

// A socket of IPv6 that is bound to an address of IPv4 serves that alone.
func TestReadListenersMapped(t *testing.T) {
	n := labtest.Node(t, "host")
	if err := n.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		closeAtEnd(t, descriptor(fd))
		return unix.Bind(fd, &unix.SockaddrInet6{Port: 7690, Addr: netip.MustParseAddr("::ffff:127.0.0.1").As16()})
	}); err != nil {
		t.Fatal(err)
	}
	expectListeners(t, n, Listener{UDP: true, Local: netip.MustParseAddrPort("127.0.0.1:7690")})
}

// More than fits one message of a dump; and what is closed is gone.
func TestReadListenersMany(t *testing.T) {
	n := labtest.Node(t, "host")
	var want []Listener
	t.Run("open", func(t *testing.T) {
		for port := range uint16(700) {
			address := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), 20000+port)
			socketOn(t, n, "udp4", "", address.String())
			want = append(want, Listener{UDP: true, Local: address})
		}
		expectListeners(t, n, want...)
	})
	expectListeners(t, n)
}

func TestReadListenersUnprivileged(t *testing.T) {
	n := labtest.Node(t, "host")
	socketOn(t, n, "tcp4", "", ":80")
	if err := n.Do(func() error {
		if err := withoutCapabilities(); err != nil {
			return err
		}
		if l, err := ReadListeners(); err != nil || len(l) != 1 {
			t.Errorf("%+v, %v", l, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// withoutCapabilities takes the calling thread's.
func withoutCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return unix.Capset(&header, &none[0])
}

// One too many is an error, not a shorter list.
func TestReadListenersBounded(t *testing.T) {
	n := labtest.Node(t, "host")
	socketOn(t, n, "udp4", "", ":53")
	socketOn(t, n, "udp4", "", ":54")
	q := socketRequest{family: unix.AF_INET, protocol: unix.IPPROTO_UDP, states: 1 << stateClose}
	if err := n.Do(func() error {
		for _, already := range []int{MaxListeners - 2, MaxListeners - 1, MaxListeners} {
			s, err := openStream(unix.NETLINK_SOCK_DIAG)
			if err != nil {
				return err
			}
			defer s.Close()
			all, err := appendListeners(make([]Listener, already), s, q)
			if fits := already+2 <= MaxListeners; fits != (err == nil) || fits != (len(all) == already+2) {
				t.Errorf("two more than %d: %d, %v", already, len(all), err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestDecodeListenerOfKernel(t *testing.T) {
	d := dumps(t)
	for name, want := range map[string]Listener{
		"socket-ipv4-tcp-listening": {Local: netip.MustParseAddrPort("[::]:444")},
		"socket-ipv4-udp-bound":     {Local: netip.MustParseAddrPort("192.0.2.1:444")},
		"socket-ipv6-tcp-listening": {Local: netip.MustParseAddrPort("[::]:446")},
		"socket-ipv6-udp-bound":     {Local: netip.MustParseAddrPort("[2001:db8:ffff::1]:446"), IPv6Only: true},
	} {
		if got, err := decodeListener(d[name]); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, want)
		}
	}
}

// listenerMessage is a struct inet_diag_msg of 192.0.2.1:443.
func listenerMessage(family byte, attributes ...[]byte) []byte {
	b := make([]byte, diagMessageBytes)
	b[msgFamily] = family
	binary.BigEndian.PutUint16(b[msgLocalPort:], 443)
	copy(b[msgLocal:], []byte{192, 0, 2, 1})
	return append(b, slices.Concat(attributes...)...)
}

func TestDecodeListenerBroken(t *testing.T) {
	good := Listener{Local: netip.MustParseAddrPort("192.0.2.1:443")}
	only := good
	only.IPv6Only = true
	for _, c := range []struct {
		name    string
		message []byte
		want    Listener
		fails   bool
	}{
		{"good", listenerMessage(unix.AF_INET), good, false},
		{"other attributes", listenerMessage(unix.AF_INET, attribute(8, -1, 0), attribute(15, -1, 1, 2, 3, 4)), good, false},
		{"IPv6 only", listenerMessage(unix.AF_INET, attribute(diagIPv6Only, -1, 1)), only, false},
		{"not IPv6 only", listenerMessage(unix.AF_INET, attribute(diagIPv6Only, -1, 0)), good, false},
		{"empty", nil, Listener{}, true},
		{"cut", listenerMessage(unix.AF_INET)[:diagMessageBytes-1], Listener{}, true},
		{"other family", listenerMessage(unix.AF_UNIX), Listener{}, true},
		{"attribute without value", listenerMessage(unix.AF_INET, attribute(diagIPv6Only, -1)), Listener{}, true},
		{"attribute beyond the message", listenerMessage(unix.AF_INET, attribute(diagIPv6Only, 9, 1)), Listener{}, true},
		{"attribute shorter than its header", listenerMessage(unix.AF_INET, attribute(diagIPv6Only, 3)), Listener{}, true},
		{"half an attribute header", append(listenerMessage(unix.AF_INET), 8, 0), Listener{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := decodeListener(c.message); c.fails != (err != nil) || got != c.want {
				t.Errorf("%+v, %v, want %+v, failure %v", got, err, c.want, c.fails)
			}
		})
	}
}

// FuzzListener holds for any message: no panic, an error or a listener that makes
// sense.
func FuzzListener(f *testing.F) {
	for _, b := range dumps(f) {
		f.Add(b)
	}
	f.Add(listenerMessage(unix.AF_INET, attribute(diagIPv6Only, -1, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := decodeListener(b)
		switch {
		case err != nil && l != (Listener{}):
			t.Errorf("%+v and error %v", l, err)
		case err == nil && (!l.Local.IsValid() || l.Local.Addr().Is4In6() || l.Local.Addr().Zone() != ""):
			t.Errorf("%+v", l)
		}
	})
}
