package host

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// dumps are the bodies of messages that a kernel (6.18, little-endian) sent in
// answer to RTM_GETLINK, RTM_GETROUTE (those called route- to a request for one
// route) and SOCK_DIAG_BY_FAMILY, by name.
func dumps(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/dumps/*.hex")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no dumps: %v", err)
	}
	found := make(map[string][]byte)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		found[strings.TrimSuffix(filepath.Base(path), ".hex")] = b
	}
	return found
}

func TestDecodeLinkOfKernel(t *testing.T) {
	d := dumps(t)
	for name, want := range map[string]Link{
		"link-loopback": {Index: 1, Name: "lo", MTU: 65536, Loopback: true, Up: true, Running: true},
		"link-ethernet": {Index: 3, Name: "eth0", MTU: 1400, MAC: MAC{2, 0, 0x5e, 0x10, 0, 1}, Ethernet: true, Up: true},
		"link-tun":      {Index: 5, Name: "tun1", MTU: 1500},
	} {
		if got, err := decodeLink(d[name]); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, want)
		}
	}
}

func TestDecodeLocalOfKernel(t *testing.T) {
	d := dumps(t)
	for name, want := range map[string]string{
		"ipv4-local-address": "192.0.2.1/32",
		"ipv4-local-anyip":   "198.51.100.0/24",
		"ipv6-local-address": "2001:db8:ffff::1/128",
		"ipv6-local-anyip":   "2001:db8:1::/64",
		"ipv4-unicast":       "",
		"ipv4-broadcast":     "",
		"ipv6-unicast":       "",
	} {
		p, ok, err := decodeLocal(d[name])
		if err != nil || ok != (want != "") || ok && p != netip.MustParsePrefix(want) {
			t.Errorf("%s: %v, %v, %v, want %q", name, p, ok, err, want)
		}
	}
}

// attribute is a struct rtattr with its padding; length -1 is the right one.
func attribute(kind uint16, length int, data ...byte) []byte {
	if length < 0 {
		length = 4 + len(data)
	}
	b := binary.NativeEndian.AppendUint16(nil, uint16(length))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, data...)
	return append(b, make([]byte, -len(b)&3)...)
}

func u32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// linkMessage is eth0 with index 7, up.
func linkMessage(kind uint16, attributes ...[]byte) []byte {
	b := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint16(b[2:], kind)
	copy(b[4:], u32(7))
	copy(b[8:], u32(unix.IFF_UP))
	for _, a := range attributes {
		b = append(b, a...)
	}
	return b
}

func TestDecodeLinkBroken(t *testing.T) {
	name := attribute(unix.IFLA_IFNAME, -1, []byte("eth0\x00")...)
	mtu := attribute(unix.IFLA_MTU, -1, u32(1500)...)
	address := attribute(unix.IFLA_ADDRESS, -1, 2, 0, 0x5e, 0x10, 0, 1)
	good := Link{Index: 7, Name: "eth0", MTU: 1500, MAC: MAC{2, 0, 0x5e, 0x10, 0, 1}, Ethernet: true, Up: true}
	with := func(change func(*Link)) Link {
		l := good
		change(&l)
		return l
	}
	for _, c := range []struct {
		name    string
		message []byte
		want    Link
		fails   bool
	}{
		{"good", linkMessage(unix.ARPHRD_ETHER, name, mtu, address), good, false},
		{"other order", linkMessage(unix.ARPHRD_ETHER, address, mtu, name), good, false},
		{"unknown attributes", linkMessage(unix.ARPHRD_ETHER, attribute(999, -1, 1, 2, 3), name, mtu, address, attribute(998, -1)), good, false},
		{"no attributes", linkMessage(unix.ARPHRD_ETHER), Link{Index: 7, Ethernet: true, Up: true}, false},
		{"no name", linkMessage(unix.ARPHRD_ETHER, mtu, address), with(func(l *Link) { l.Name = "" }), false},
		{"name without its NUL", linkMessage(unix.ARPHRD_ETHER, attribute(unix.IFLA_IFNAME, -1, []byte("eth0")...), mtu, address), good, false},
		{"no MTU", linkMessage(unix.ARPHRD_ETHER, name, address), with(func(l *Link) { l.MTU = 0 }), false},
		{"no address", linkMessage(unix.ARPHRD_ETHER, name, mtu), with(func(l *Link) { l.MAC = MAC{} }), false},
		{"not Ethernet", linkMessage(unix.ARPHRD_TUNNEL, name, mtu, attribute(unix.IFLA_ADDRESS, -1, 198, 51, 100, 1)),
			with(func(l *Link) { l.MAC, l.Ethernet = MAC{}, false }), false},
		{"address of 20 bytes", linkMessage(unix.ARPHRD_INFINIBAND, name, mtu, attribute(unix.IFLA_ADDRESS, -1, make([]byte, 20)...)),
			with(func(l *Link) { l.MAC, l.Ethernet = MAC{}, false }), false},

		{"empty", nil, Link{}, true},
		{"header cut", linkMessage(unix.ARPHRD_ETHER)[:unix.SizeofIfInfomsg-1], Link{}, true},
		{"MTU of two bytes", linkMessage(unix.ARPHRD_ETHER, name, attribute(unix.IFLA_MTU, -1, 5, 220)), Link{}, true},
		{"MTU of eight bytes", linkMessage(unix.ARPHRD_ETHER, name, attribute(unix.IFLA_MTU, -1, make([]byte, 8)...)), Link{}, true},
		{"MTU of no bytes", linkMessage(unix.ARPHRD_ETHER, name, attribute(unix.IFLA_MTU, -1)), Link{}, true},
		{"attribute beyond the message", linkMessage(unix.ARPHRD_ETHER, attribute(unix.IFLA_IFNAME, 100, []byte("eth0\x00")...)), Link{}, true},
		{"attribute shorter than its header", linkMessage(unix.ARPHRD_ETHER, attribute(unix.IFLA_IFNAME, 3), mtu), Link{}, true},
		{"attribute of no length", linkMessage(unix.ARPHRD_ETHER, attribute(unix.IFLA_IFALIAS, 0), name, mtu, address), Link{}, true},
		{"half an attribute header", append(linkMessage(unix.ARPHRD_ETHER, name, mtu), 8, 0), Link{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := decodeLink(c.message)
			if c.fails != (err != nil) {
				t.Fatalf("%+v, error %v", got, err)
			}
			if !c.fails && got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// routeMessage is a struct rtmsg and attributes.
func routeMessage(family, length, kind byte, attributes ...[]byte) []byte {
	b := make([]byte, rtmsgBytes)
	b[rtmFamily], b[rtmDstLen], b[rtmType] = family, length, kind
	for _, a := range attributes {
		b = append(b, a...)
	}
	return b
}

func destination(address string) []byte {
	return attribute(unix.RTA_DST, -1, netip.MustParseAddr(address).AsSlice()...)
}

func TestDecodeLocalBroken(t *testing.T) {
	const v4, v6, local = unix.AF_INET, unix.AF_INET6, unix.RTN_LOCAL
	for _, c := range []struct {
		name    string
		message []byte
		want    string // empty: not a local route
		fails   bool
	}{
		{"good IPv4", routeMessage(v4, 24, local, destination("192.0.2.0")), "192.0.2.0/24", false},
		{"good IPv6", routeMessage(v6, 64, local, destination("2001:db8::")), "2001:db8::/64", false},
		{"all of IPv4", routeMessage(v4, 0, local), "", false},
		{"all of IPv6", routeMessage(v6, 0, local), "", false},
		{"unicast", routeMessage(v4, 24, unix.RTN_UNICAST, destination("192.0.2.0")), "", false},
		{"broadcast", routeMessage(v4, 32, unix.RTN_BROADCAST, destination("192.0.2.255")), "", false},
		{"anycast", routeMessage(v6, 128, unix.RTN_ANYCAST, destination("2001:db8::")), "", false},
		{"other family", routeMessage(unix.AF_MPLS, 20, local, attribute(unix.RTA_DST, -1, 0, 1, 0, 0)), "", false},
		{"no family", routeMessage(unix.AF_UNSPEC, 24, local, destination("192.0.2.0")), "", false},

		{"IPv4 longer than 32 bits", routeMessage(v4, 33, local, destination("192.0.2.0")), "", true},
		{"IPv6 longer than 128 bits", routeMessage(v6, 129, local, destination("2001:db8::")), "", true},
		{"empty", nil, "", true},
		{"header cut", routeMessage(v4, 24, local)[:rtmsgBytes-1], "", true},
		{"IPv6 destination in IPv4", routeMessage(v4, 32, local, destination("2001:db8::")), "", true},
		{"IPv4 destination in IPv6", routeMessage(v6, 32, local, destination("192.0.2.0")), "", true},
		{"destination of three bytes", routeMessage(v4, 24, local, attribute(unix.RTA_DST, -1, 192, 0, 2)), "", true},
		{"destination of no bytes", routeMessage(v4, 24, local, attribute(unix.RTA_DST, -1)), "", true},
		{"attribute beyond the message", routeMessage(v4, 24, local, attribute(unix.RTA_DST, 20, 192, 0, 2, 0)), "", true},
		{"attribute shorter than its header", routeMessage(v4, 24, local, attribute(unix.RTA_DST, 2)), "", true},
		{"half an attribute header", append(routeMessage(v4, 24, local, destination("192.0.2.0")), 8, 0), "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, ok, err := decodeLocal(c.message)
			if c.fails != (err != nil) || ok != (c.want != "") || ok && p != netip.MustParsePrefix(c.want) {
				t.Errorf("%v, %v, %v, want %q, failure %v", p, ok, err, c.want, c.fails)
			}
		})
	}
}

// heard reports whether the filter of a Watcher lets a message through.
func heard(t *testing.T, kind netlink.HeaderType, body []byte) bool {
	t.Helper()
	vm, err := bpf.NewVM(relevant)
	if err != nil {
		t.Fatal(err)
	}
	m := netlink.Message{Header: netlink.Header{Type: kind, Length: uint32(unix.SizeofNlMsghdr + (len(body)+3)&^3)}, Data: body}
	packet, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	n, err := vm.Run(packet)
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func TestRelevant(t *testing.T) {
	d := dumps(t)
	for _, c := range []struct {
		name string
		kind netlink.HeaderType
		body []byte
		want bool
	}{
		{"link came", unix.RTM_NEWLINK, d["link-ethernet"], true},
		{"link went", unix.RTM_DELLINK, d["link-ethernet"], true},
		{"local route came", unix.RTM_NEWROUTE, d["ipv6-local-address"], true},
		{"local route went", unix.RTM_DELROUTE, d["ipv4-local-anyip"], true},
		{"IPv4 unicast", unix.RTM_NEWROUTE, d["ipv4-unicast"], false},
		{"IPv6 unicast", unix.RTM_DELROUTE, d["ipv6-unicast"], false},
		{"broadcast", unix.RTM_NEWROUTE, d["ipv4-broadcast"], false},
		{"rule came", unix.RTM_NEWRULE, make([]byte, rtmsgBytes), true},
		{"rule went", unix.RTM_DELRULE, make([]byte, rtmsgBytes), true},
		{"neighbour", unix.RTM_NEWNEIGH, d["ipv4-local-anyip"], false},
		{"route cut before its type", unix.RTM_NEWROUTE, d["ipv6-local-address"][:rtmType-3], false},
		{"route without body", unix.RTM_NEWROUTE, nil, false},
	} {
		if got := heard(t, c.kind, c.body); got != c.want {
			t.Errorf("%s: heard %v", c.name, got)
		}
	}
}

// FuzzDecode holds for any message: no panic, an error or a result that makes
// sense.
func FuzzDecode(f *testing.F) {
	for _, b := range dumps(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := decodeLink(b)
		if err == nil && (len(b) < unix.SizeofIfInfomsg || len(l.Name) > len(b) || !l.Ethernet && l.MAC != MAC{}) {
			t.Errorf("link %+v of %d bytes", l, len(b))
		}
		p, ok, err := decodeLocal(b)
		switch {
		case ok && err != nil:
			t.Errorf("%v and error %v", p, err)
		case ok && (!p.IsValid() || p.Addr().Is4() != (b[rtmFamily] == unix.AF_INET)):
			t.Errorf("prefix %v of family %d", p, b[rtmFamily])
		case ok && !heard(t, unix.RTM_NEWROUTE, b):
			t.Errorf("%v is local, but word of it would not be heard", p)
		}
		checkRoute(t, b)
		checkSocket(t, b)
		checkBody(t, b)
	})
}
