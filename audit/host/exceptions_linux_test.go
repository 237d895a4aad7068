package host

import (
	"errors"
	"fmt"
	"hash/maphash"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// router sends frames to a node that it is cabled to.
type router struct {
	t     testing.TB
	n     *lab.Node
	frame []byte // header, from far0 to eth0
}

// taught is a node with a UDP service, which PTBs about any client are believed
// for, two uplinks and the router that sends those.
func taught(t *testing.T) (*lab.Node, kernel, router) {
	t.Helper()
	n, k := uplinks(t)
	labtest.HoldAddresses(t, n, classifytest.VIP4, classifytest.VIP6)
	for _, network := range []string{"udp4", "udp6"} {
		c, err := n.ListenPacket(t.Context(), network, ":53")
		if err != nil {
			t.Fatal(err)
		}
		closeAtEnd(t, c)
	}
	to, from := labtest.MAC(t, n, "eth0"), labtest.MAC(t, n, "far0")
	return n, k, router{t, n, append(append(to[:], from[:]...), 0x08, 0x00)}
}

// teach tells of the path MTU to a client.
func (r router) teach(client netip.Addr, mtu classify.MTU) {
	r.t.Helper()
	ptb := classifytest.PTB{Client: client, MTU: mtu, Protocol: classify.UDP, VIPPort: 53}
	frame := append([]byte(nil), r.frame...)
	if client.Is6() {
		ptb.Family = classify.IPv6
		frame[12], frame[13] = 0x86, 0xdd
	}
	if err := r.n.SendFrame("far0", append(frame, ptb.Bytes()...)); err != nil {
		r.t.Fatal(err)
	}
}

// awaitTaught waits for the kernel to have learned of all clients, which uses
// what it learned.
func awaitTaught(t *testing.T, q *Query, clients []netip.Addr) {
	t.Helper()
	labtest.Eventually(t, within, "the kernel has learned", func() error {
		for _, c := range clients {
			if r, err := q.Route(RouteRequest{Destination: c}); err != nil || r.Expires == 0 {
				return fmt.Errorf("%v: %+v, %w", c, r, err)
			}
		}
		return nil
	})
}

func clients(network netip.Prefix, n int) (list []netip.Addr) {
	for a := network.Addr().Next(); len(list) < n; a = a.Next() {
		list = append(list, a)
	}
	return list
}

// Path MTUs learned from real PTBs are counted by family, MTU and next hop, once
// each although several routes share the next hop that they are kept at.
func TestReadExceptions(t *testing.T) {
	n, k, r := taught(t)
	if got := readIn(t, n, ReadExceptions); got.IPv4.Count+got.IPv6.Count != 0 || got.IPv4.Most != 0 {
		t.Errorf("%+v before any PTB", got)
	}
	first4, first6 := k.via("198.51.100.1", "eth0", 1), k.via("2001:db8:1::1", "eth0", 1)
	second4, second6 := k.via("198.51.100.201", "eth1", 1), k.via("2001:db8:2::1", "eth1", 1)
	k.addRoutes(k.to("203.0.113.0/26", first4), k.to("203.0.113.128/26", second4), k.to("2001:db8:c:1::/64", first6), k.to("2001:db8:c:2::/64", second6))
	for i := range 5 { // which share the next hop with the first
		k.addRoutes(k.to(fmt.Sprintf("10.%d.0.0/16", i), first4))
	}
	var all []netip.Addr
	for _, c := range []struct {
		network string
		clients int
		mtu     classify.MTU
	}{
		{"203.0.113.0/26", 20, 1400}, {"203.0.113.32/27", 10, 1280}, {"203.0.113.128/26", 7, 1400},
		{"2001:db8:c:1::/64", 25, 1280}, {"2001:db8:c:2::/64", 5, 1420},
	} {
		for _, client := range clients(netip.MustParsePrefix(c.network), c.clients) {
			r.teach(client, c.mtu)
			all = append(all, client)
		}
	}
	awaitTaught(t, openQuery(t, n), all)
	want := Exceptions{
		IPv4: ExceptionSet{Count: 37, MTUs: map[uint32]int{1400: 27, 1280: 10}, Most: 30},
		IPv6: ExceptionSet{Count: 30, MTUs: map[uint32]int{1280: 25, 1420: 5}, Most: 25},
	}
	if d := cmp.Diff(want, readIn(t, n, ReadExceptions)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if count, err := n.Exceptions(lab.IPv6); err != nil || count != 30 {
		t.Errorf("the lab counts %d of IPv6, %v", count, err)
	}
}

// The kernel shows an IPv4 exception only when a packet has used it.
func TestReadExceptionsUnused(t *testing.T) {
	n, k, r := taught(t)
	k.addRoutes(k.to("203.0.113.0/24", k.via("198.51.100.1", "eth0", 1)), k.to("2001:db8:c::/48", k.via("2001:db8:1::1", "eth0", 1)))
	used, unused := netip.MustParseAddr("203.0.113.2"), netip.MustParseAddr("203.0.113.1")
	r.teach(unused, 1400)
	r.teach(used, 1400)
	r.teach(netip.MustParseAddr("2001:db8:c::1"), 1400)
	labtest.Eventually(t, within, "IPv6 shows that the last PTB came", func() error {
		if got := readIn(t, n, ReadExceptions); got.IPv6.Count != 1 {
			return fmt.Errorf("%+v", got)
		}
		return nil
	})
	q := openQuery(t, n)
	awaitTaught(t, q, []netip.Addr{used})
	if got := readIn(t, n, ReadExceptions); got.IPv4.Count != 1 {
		t.Errorf("%+v, want the one that was used", got.IPv4)
	}
	awaitTaught(t, q, []netip.Addr{unused})
	if got := readIn(t, n, ReadExceptions); got.IPv4.Count != 2 {
		t.Errorf("%+v, want both", got.IPv4)
	}
}

// A redirect is no path MTU.
func TestReadExceptionsRedirect(t *testing.T) {
	n, k, r := taught(t)
	for key, value := range map[string]string{"all": "1", "eth0": "1"} {
		for _, of := range []string{"accept_redirects", "shared_media"} {
			if err := n.SetSysctl("net/ipv4/conf/"+key+"/"+of, value); err != nil {
				t.Fatal(err)
			}
		}
		if err := n.SetSysctl("net/ipv4/conf/"+key+"/secure_redirects", "0"); err != nil {
			t.Fatal(err)
		}
	}
	k.addRoutes(k.to("203.0.113.0/24", k.via("198.51.100.1", "eth0", 1)))
	k.permanent("198.51.100.3", "eth0", "02:00:5e:10:00:77")
	client := netip.MustParseAddr("203.0.113.1")
	redirect := classifytest.PTB{Router: netip.MustParseAddr("198.51.100.1"), Client: client, Protocol: classify.UDP, VIPPort: 53,
		Type: new(uint8(5)), Code: new(uint8(1))}.Bytes()
	copy(redirect[24:], netip.MustParseAddr("198.51.100.3").AsSlice())
	classifytest.MendICMP(redirect)
	if err := n.SendFrame("far0", append(append([]byte(nil), r.frame...), redirect...)); err != nil {
		t.Fatal(err)
	}
	q := openQuery(t, n)
	labtest.Eventually(t, within, "the kernel follows the redirect", func() error {
		if route, err := q.Route(RouteRequest{Destination: client}); err != nil || route.Gateway != netip.MustParseAddr("198.51.100.3") {
			return fmt.Errorf("%+v, %w", route, err)
		}
		return nil
	})
	if count, err := n.Exceptions(lab.IPv4); err != nil || count != 1 {
		t.Fatalf("the kernel holds %d exceptions, %v, want the redirect", count, err)
	}
	if got := readIn(t, n, ReadExceptions); got.IPv4.Count != 0 {
		t.Errorf("%+v, want none", got.IPv4)
	}
}

// exceptionMessage is what a kernel shows of a path MTU to that client.
func exceptionMessage(client uint32, mtu uint32, ticks int32) []byte {
	expires := make([]byte, 32)
	copy(expires[cacheExpires:], u32(uint32(ticks)))
	return learned(routeMessage(unix.AF_INET, 32, unix.RTN_UNICAST,
		attribute(unix.RTA_DST, -1, u32(client)...), attribute(unix.RTA_TABLE, -1, u32(TableMain)...),
		attribute(unix.RTA_OIF, -1, u32(7)...), attribute(unix.RTA_GATEWAY, -1, 198, 51, 100, 1),
		attribute(unix.RTA_METRICS, -1, attribute(unix.RTAX_MTU, -1, u32(mtu)...)...), attribute(unix.RTA_CACHEINFO, -1, expires...)))
}

// There is an end to what is told apart, to the MTUs that are named and to what is
// looked at.
func TestExceptionsHaveAnEnd(t *testing.T) {
	e := exceptions{seed: maphash.MakeSeed()}
	e.begin()
	for i := range uint32(maxExceptions) {
		if err := e.add(exceptionMessage(i, 1000+i%(MaxKept+10), 100)); err != nil {
			t.Fatal(i, err)
		}
	}
	set := &e.sets.IPv4
	if set.Count != maxExceptions || set.Most != maxExceptions || len(set.MTUs) != MaxKept || set.Partial {
		t.Errorf("%d exceptions, at most %d of one next hop, %d MTUs, partial %v", set.Count, set.Most, len(set.MTUs), set.Partial)
	}
	sum := set.OtherMTUs
	for _, count := range set.MTUs {
		sum += count
	}
	if sum != set.Count {
		t.Errorf("the MTUs are of %d exceptions, want %d", sum, set.Count)
	}
	if err := e.add(exceptionMessage(0, 1000, 100)); err != nil {
		t.Errorf("one that was seen: %v", err)
	}
	if err := e.add(exceptionMessage(maxExceptions, 1000, 100)); !errors.Is(err, errEnough) || !set.Partial || set.Count != maxExceptions {
		t.Errorf("one too many: %v, %d, partial %v", err, set.Count, set.Partial)
	}
	e.begin()
	if e.sets.IPv4.Partial || e.sets.IPv4.Count != 0 {
		t.Error("begins with what it had")
	}
	again := exceptionMessage(1, 1000, 100)
	var err error
	for range maxShown + 1 {
		if err = e.add(again); err != nil {
			break
		}
	}
	if !errors.Is(err, errEnough) || !e.sets.IPv6.Partial || e.sets.IPv4.Count != 1 || e.shown != maxShown+1 {
		t.Errorf("one that is shown for ever: %v after %d, %+v", err, e.shown, e.sets.IPv4.Count)
	}
}

func TestDecodeExceptionBroken(t *testing.T) {
	good := exceptionMessage(1, 1400, 100)
	notLearned := exceptionMessage(1, 1400, 100)
	copy(notLearned[rtmFlags:], u32(0))
	for _, c := range []struct {
		name    string
		message []byte
		want    uint32
		fails   bool
	}{
		{"good", good, 1400, false},
		{"not learned", notLearned, 0, false},
		{"does not expire", exceptionMessage(1, 1400, 0), 0, false},
		{"has expired", exceptionMessage(1, 1400, -1), 0, false},
		{"no attributes", learned(routeMessage(unix.AF_INET, 32, unix.RTN_UNICAST)), 0, false},
		{"MPLS", learned(routeMessage(unix.AF_MPLS, 20, unix.RTN_UNICAST)), 0, false},

		{"empty", nil, 0, true},
		{"header cut", good[:rtmsgBytes-1], 0, true},
		{"cut", good[:len(good)-1], 0, true},
		{"destination of IPv6", learned(routeMessage(unix.AF_INET, 32, unix.RTN_UNICAST, destination("2001:db8::1"))), 0, true},
		{"table of two bytes", learned(routeMessage(unix.AF_INET, 32, unix.RTN_UNICAST, attribute(unix.RTA_TABLE, -1, 1, 0))), 0, true},
		{"metrics cut", learned(routeMessage(unix.AF_INET, 32, unix.RTN_UNICAST, attribute(unix.RTA_METRICS, -1, 8, 0))), 0, true},
		{"times cut", learned(routeMessage(unix.AF_INET, 32, unix.RTN_UNICAST, attribute(unix.RTA_CACHEINFO, -1, u32(0)...))), 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, mtu, err := decodeException(c.message); c.fails != (err != nil) || err == nil && mtu != c.want {
				t.Errorf("MTU %d, %v, want %d", mtu, err, c.want)
			}
		})
	}
}
