package host

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// hasty makes the kernel give a neighbour up after one question.
func hasty(t testing.TB, n *lab.Node, iface string) {
	t.Helper()
	for _, family := range []string{"ipv4", "ipv6"} {
		for key, value := range map[string]string{"mcast_solicit": "1", "ucast_solicit": "1", "retrans_time_ms": "50"} {
			if err := n.SetSysctl("net/"+family+"/neigh/"+iface+"/"+key, value); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// knock sends a datagram that nobody will answer.
func knock(t testing.TB, n *lab.Node, to netip.Addr) {
	t.Helper()
	if err := n.Do(func() error {
		family, _ := familyOf(to)
		fd, err := unix.Socket(int(family), unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		var at unix.Sockaddr = &unix.SockaddrInet6{Port: 9, Addr: to.As16()}
		if to.Is4() {
			at = &unix.SockaddrInet4{Port: 9, Addr: to.As4()}
		}
		if err := unix.Sendto(fd, []byte("knock"), unix.MSG_DONTWAIT, at); err != nil && !errors.Is(err, unix.EHOSTUNREACH) {
			return err
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// permanent sets a neighbour that needs no answer.
func (k kernel) permanent(a, iface, mac string) {
	k.t.Helper()
	k.must(k.NeighSet(&netlink.Neigh{
		LinkIndex: k.link(iface).Attrs().Index, IP: netip.MustParseAddr(a).AsSlice(), HardwareAddr: hardware(mac),
		State: netlink.NUD_PERMANENT,
	}))
}

func TestReadRoutesNeighbours(t *testing.T) {
	n, k := uplinks(t)
	hasty(t, n, "eth0")
	eth0, eth1 := k.link("eth0").Attrs().Index, k.link("eth1").Attrs().Index
	for prefix, hop := range map[string]*netlink.NexthopInfo{
		"10.1.0.0/16": k.via("198.51.100.1", "eth0", 1), "2001:db8:a1::/48": k.via("2001:db8:1::1", "eth0", 1),
		"10.2.0.0/16": k.via("198.51.100.2", "eth0", 1), "2001:db8:a2::/48": k.via("2001:db8:1::2", "eth0", 1),
		"10.3.0.0/16": k.via("198.51.100.201", "eth1", 1), "2001:db8:a3::/48": k.via("2001:db8:2::1", "eth1", 1),
	} {
		k.addRoutes(k.to(prefix, hop))
	}
	k.permanent("198.51.100.1", "eth0", "02:00:5e:10:00:77")
	k.permanent("2001:db8:1::1", "eth0", "02:00:5e:10:00:78")
	// Others than gateways, and the gateways' own addresses on another link.
	k.permanent("198.51.100.99", "eth0", "02:00:5e:10:00:79")
	k.permanent("198.51.100.1", "eth1", "02:00:5e:10:00:7a")
	knock(t, n, netip.MustParseAddr("10.2.0.1"))
	knock(t, n, netip.MustParseAddr("2001:db8:a2::1"))
	failed := Neighbour{State: NeighbourFailed}
	labtest.Eventually(t, within, "neighbours fail", func() error {
		got := readIn(t, n, ReadRoutes)
		for _, c := range []struct {
			gateway string
			iface   int
			want    Neighbour
		}{
			{"198.51.100.1", eth0, Neighbour{State: NeighbourPermanent, MAC: MAC{2, 0, 0x5e, 0x10, 0, 0x77}}},
			{"2001:db8:1::1", eth0, Neighbour{State: NeighbourPermanent, MAC: MAC{2, 0, 0x5e, 0x10, 0, 0x78}}},
			{"198.51.100.2", eth0, failed},
			{"2001:db8:1::2", eth0, failed},
			{"198.51.100.201", eth1, Neighbour{}},
			{"2001:db8:2::1", eth1, Neighbour{}},
		} {
			if w := wayBy(t, got, netip.MustParseAddr(c.gateway), c.iface); w.Neighbour != c.want {
				return fmt.Errorf("%s: %+v, want %+v", c.gateway, w.Neighbour, c.want)
			}
		}
		return nil
	})
	truth := map[string]NeighbourState{}
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		list, err := k.NeighList(eth0, family)
		k.must(err)
		for _, neighbour := range list {
			truth[neighbour.IP.String()] = NeighbourState(neighbour.State)
		}
	}
	for _, w := range readIn(t, n, ReadRoutes).Ways {
		if w.Interface == eth0 && w.Gateway.IsValid() && w.Neighbour.State != truth[w.Gateway.String()] {
			t.Errorf("%v is %v, another library reads %v", w.Gateway, w.Neighbour.State, truth[w.Gateway.String()])
		}
	}
}

// Only says what this kernel does when the neighbour of a default route fails:
// either it goes another way or it does not.
func TestOnlyIsTheKernelsWord(t *testing.T) {
	for _, c := range []struct {
		name            string
		everywhere      string
		failing, other  string
		client          string
		metric, another int
		only            int
	}{
		{"IPv4, one metric", "0.0.0.0/0", "198.51.100.1", "198.51.100.2", "203.0.113.1", 10, 10, 0},
		{"IPv4, two metrics", "0.0.0.0/0", "198.51.100.1", "198.51.100.2", "203.0.113.1", 10, 20, 1},
		{"IPv6, two metrics", "::/0", "2001:db8:1::1", "2001:db8:1::2", "2001:db8:c::1", 10, 20, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, k := uplinks(t)
			hasty(t, n, "eth0")
			k.permanent(c.other, "eth0", "02:00:5e:10:00:77")
			first, second := k.to(c.everywhere, k.via(c.failing, "eth0", 1)), k.to(c.everywhere, k.via(c.other, "eth0", 1))
			first.Priority, second.Priority = c.metric, c.another
			k.addRoutes(first, second)
			knock(t, n, netip.MustParseAddr(c.client))
			eth0 := k.link("eth0").Attrs().Index
			q := openQuery(t, n)
			labtest.Eventually(t, within, "the neighbour fails", func() error {
				way := wayBy(t, readIn(t, n, ReadRoutes), netip.MustParseAddr(c.failing), eth0)
				if way.Neighbour.State != NeighbourFailed || way.Only != c.only || way.Routes != 1 {
					return fmt.Errorf("%+v, want only %d of 1", way, c.only)
				}
				return nil
			})
			want := c.other
			if c.only > 0 {
				want = c.failing
			}
			if r, err := q.Route(to(c.client)); err != nil || r.Gateway != netip.MustParseAddr(want) {
				t.Errorf("the kernel goes by %+v, %v, want %s", r, err, want)
			}
		})
	}
}

func TestNeighbourStateString(t *testing.T) {
	for state, want := range map[NeighbourState]string{
		0: "none", NeighbourIncomplete: "incomplete", NeighbourReachable: "reachable", NeighbourStale: "stale",
		NeighbourDelay: "delay", NeighbourProbe: "probe", NeighbourFailed: "failed", NeighbourNoARP: "noarp",
		NeighbourPermanent: "permanent", 3: "unknown",
	} {
		if got := state.String(); got != want {
			t.Errorf("%#x: %s, want %s", uint16(state), got, want)
		}
	}
}
