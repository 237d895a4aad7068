package host

import (
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/mdlayher/netlink"
	vish "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/labtest"
)

func TestGen(t *testing.T) {
	n := labtest.Node(t, "host")
	h := n.Handle()
	for _, l := range []vish.Link{
		&vish.Veth{LinkAttrs: vish.LinkAttrs{Name: "eth0", MTU: 1400, HardwareAddr: net.HardwareAddr{2, 0, 0x5e, 0x10, 0, 1}}, PeerName: "peer0"},
		&vish.Dummy{LinkAttrs: vish.LinkAttrs{Name: "dum0"}},
		&vish.Iptun{LinkAttrs: vish.LinkAttrs{Name: "ipip0"}, Local: net.IPv4(198, 51, 100, 1), Remote: net.IPv4(198, 51, 100, 2)},
		&vish.Tuntap{LinkAttrs: vish.LinkAttrs{Name: "tun0"}, Mode: vish.TUNTAP_MODE_TUN},
		&vish.Wireguard{LinkAttrs: vish.LinkAttrs{Name: "wg0"}},
		&vish.Bridge{LinkAttrs: vish.LinkAttrs{Name: "br0"}},
		&vish.Gretun{LinkAttrs: vish.LinkAttrs{Name: "gre1"}, Local: net.IPv4(198, 51, 100, 1), Remote: net.IPv4(198, 51, 100, 2)},
		&vish.Sittun{LinkAttrs: vish.LinkAttrs{Name: "sit1"}, Local: net.IPv4(198, 51, 100, 1), Remote: net.IPv4(198, 51, 100, 2)},
		&vish.Ip6tnl{LinkAttrs: vish.LinkAttrs{Name: "ip6tnl1"}, Local: net.ParseIP("2001:db8::1"), Remote: net.ParseIP("2001:db8::2")},
		&vish.Vlan{LinkAttrs: vish.LinkAttrs{Name: "vl1", ParentIndex: 2}, VlanId: 5},
		&vish.Vrf{LinkAttrs: vish.LinkAttrs{Name: "vrf0"}, Table: 77},
	} {
		fmt.Println(l.Attrs().Name, h.LinkAdd(l))
	}
	for _, q := range []vish.Qdisc{&vish.Tbf{QdiscAttrs: vish.QdiscAttrs{LinkIndex: 2, Handle: vish.MakeHandle(1, 0), Parent: vish.HANDLE_ROOT}, Rate: 1000, Limit: 3000, Buffer: 1500},
		&vish.GenericQdisc{QdiscAttrs: vish.QdiscAttrs{LinkIndex: 2, Handle: vish.MakeHandle(1, 0), Parent: vish.HANDLE_ROOT}, QdiscType: "pfifo"},
		vish.NewNetem(vish.QdiscAttrs{LinkIndex: 2, Handle: vish.MakeHandle(1, 0), Parent: vish.HANDLE_ROOT}, vish.NetemQdiscAttrs{Latency: 1000000}),
	} {
		fmt.Println(q.Type(), h.QdiscReplace(q))
	}
	eth0, _ := h.LinkByName("eth0")
	lo, _ := h.LinkByName("lo")
	fmt.Println(h.LinkSetUp(eth0))
	for _, a := range []string{"192.0.2.1/32", "2001:db8:ffff::1/128"} {
		addr, _ := vish.ParseAddr(a)
		fmt.Println(h.AddrAdd(lo, addr))
	}
	scope := map[string]vish.Scope{"198.51.100.0/24": vish.SCOPE_HOST}
	n.Do(func() error { return vish.LinkAdd(&vish.Tuntap{LinkAttrs: vish.LinkAttrs{Name: "tun1"}, Mode: vish.TUNTAP_MODE_TUN}) })
	for _, c := range []string{"198.51.100.0/24", "2001:db8:1::/64"} {
		_, p, _ := net.ParseCIDR(c)
		fmt.Println(h.RouteAdd(&vish.Route{LinkIndex: lo.Attrs().Index, Dst: p, Type: unix.RTN_LOCAL, Table: 100, Scope: scope[c]}))
	}
	for _, c := range []string{"203.0.113.0/24", "2001:db8:2::/64"} {
		_, p, _ := net.ParseCIDR(c)
		fmt.Println(h.RouteAdd(&vish.Route{LinkIndex: eth0.Attrs().Index, Dst: p, MTU: 1300}))
	}
	err := n.Do(func() error {
		c, err := dial(0)
		if err != nil {
			return err
		}
		defer c.Close()
		ae := netlink.NewAttributeEncoder()
		ae.Uint32(unix.IFLA_EXT_MASK, skipStats)
		attrs, _ := ae.Encode()
		msgs, err := dump(c, unix.RTM_GETLINK, append(make([]byte, unix.SizeofIfInfomsg), attrs...))
		if err != nil {
			return err
		}
		for _, m := range msgs {
			l, _ := decodeLink(m.Data)
			fmt.Printf("%+v %d\n", l, len(m.Data))
			if l.Name == "lo" || l.Name == "tun1" || l.Name == "eth0" || l.Name == "ipip0" || l.Name == "wg0" || l.Name == "sit1" {
				write(t, "link-"+l.Name, m.Data)
			}
		}
		for _, f := range []byte{unix.AF_INET, unix.AF_INET6} {
			body := make([]byte, rtmsgBytes)
			body[0] = f
			msgs, err := dump(c, unix.RTM_GETROUTE, body)
			if err != nil {
				return err
			}
			for i, m := range msgs {
				p, ok, err := decodeLocal(m.Data)
				fmt.Println(m.Data[7], p, ok, err, len(m.Data), hex.EncodeToString(m.Data))
				write(t, fmt.Sprintf("route%d-%d-%d", f, m.Data[7], i), m.Data)
			}
		}
		return nil
	})
	fmt.Println(err)
}

func write(t *testing.T, name string, b []byte) {
	s := hex.EncodeToString(b)
	var out string
	for len(s) > 64 {
		out += s[:64] + "\n"
		s = s[64:]
	}
	os.MkdirAll("/tmp/seeds", 0o755)
	os.WriteFile("/tmp/seeds/"+name+".hex", []byte(out+s+"\n"), 0o644)
}
