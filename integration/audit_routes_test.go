package integration

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"ptbrelay/audit"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Of each family there are so many routes; of those one in every so many has an MTU.
const (
	manyRoutes  = 50_000
	taggedEvery = 500
)

// A daemon among 100 000 routes reads them at the price of a hundredth of the time,
// and relays meanwhile and afterwards. Of those with an MTU its metrics have no more
// than 100, the shortest prefixes.
func TestAuditManyRoutes(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	tagged := addManyRoutes(t, l, server)
	p := labtest.StartRelay(t, server, "--config", writeConfig(t, everySecond))
	w := watchWire(t, l)
	w.send(0, 46000)
	w.expect(2)
	shortest := routeMetrics(tagged[:len(tagged)/2])
	labtest.Eventually(t, time.Minute, "the routes are read", func() error {
		if diff := cmp.Diff(shortest, withName(metricsOf(t, server), "route_mtu_bytes")); diff != "" {
			return fmt.Errorf("-want +got:\n%s", diff)
		}
		return nil
	})

	begin, used := time.Now(), labtest.ProcessorTime(t, p)
	for i := range 5 {
		w.send(0, uint16(46001+i))
		w.expect(2)
	}
	took, used := time.Since(begin), labtest.ProcessorTime(t, p)-used
	t.Logf("%v of processor time in %v", used, took)
	if used > took/50 { // reading takes a hundredth, and there is the rest
		t.Errorf("the daemon took %v of processor time in %v", used, took)
	}

	h := daemonsAudit(t, server).Host
	four, six := len(routesOf(t, server, unix.AF_INET)), len(routesOf(t, server, unix.AF_INET6))
	if h.Routes.IPv4 != four || h.Routes.IPv6 != six || four <= manyRoutes || six <= manyRoutes || len(h.Errors) != 0 {
		t.Errorf("%d and %d routes, the kernel has %d and %d; errors %q", h.Routes.IPv4, h.Routes.IPv6, four, six, h.Errors)
	}
	if diff := cmp.Diff(routeMetrics(tagged), routeMetrics(h.Routes.Tagged)); diff != "" {
		t.Errorf("tagged routes, -want +got:\n%s", diff)
	}
	checkLaws(t, server)
}

// addManyRoutes gives a server routes by way of the router and returns those with an
// MTU, those of IPv4 first.
func addManyRoutes(t testing.TB, l *lab.Lab, server *lab.Node) (tagged []audit.TaggedRoute) {
	t.Helper()
	eth0, err := server.Handle().LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range lab.Families() {
		const mtu = 1300
		plain := routeRequest(manyPrefix(f, 0), l.RouterAddr(f, 0), eth0.Attrs().Index, 0)
		withMTU := routeRequest(manyPrefix(f, 0), l.RouterAddr(f, 0), eth0.Attrs().Index, mtu)
		var requests [][]byte
		for i := range manyRoutes {
			to, request := manyPrefix(f, i), plain
			if i%taggedEvery == 0 {
				tagged = append(tagged, audit.TaggedRoute{Prefix: to.String(), Table: unix.RT_TABLE_MAIN, MTU: mtu})
				request = withMTU
			}
			request = slices.Clone(request)
			copy(request[destinationAt:], to.Addr().AsSlice())
			requests = append(requests, request)
		}
		if err := server.Do(func() error { return tell(requests) }); err != nil {
			t.Fatal(err)
		}
	}
	return tagged
}

// manyPrefix is a /24 of IPv4 or a /48 of IPv6.
func manyPrefix(f lab.Family, i int) netip.Prefix {
	if f == lab.IPv4 {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
	}
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(i >> 8), byte(i)}), 48)
}

// destinationAt is where a route request has its destination: behind the headers of
// the message, of the route and of the attribute.
const destinationAt = unix.SizeofNlMsghdr + unix.SizeofRtMsg + unix.SizeofRtAttr

// routeRequest asks for a route of the table main. MTU 0: it has none.
func routeRequest(to netip.Prefix, gateway netip.Addr, iface int, mtu uint32) []byte {
	number := func(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }
	m := nl.NewRtMsg()
	m.Dst_len, m.Family = uint8(to.Bits()), unix.AF_INET
	if to.Addr().Is6() {
		m.Family = unix.AF_INET6
	}
	r := nl.NewNetlinkRequest(unix.RTM_NEWROUTE, unix.NLM_F_CREATE)
	r.AddData(m)
	r.AddData(nl.NewRtAttr(unix.RTA_DST, to.Addr().AsSlice()))
	r.AddData(nl.NewRtAttr(unix.RTA_GATEWAY, gateway.AsSlice()))
	r.AddData(nl.NewRtAttr(unix.RTA_OIF, number(uint32(iface))))
	if mtu != 0 {
		metrics := nl.NewRtAttr(unix.RTA_METRICS, nil)
		metrics.AddRtAttr(unix.RTAX_MTU, number(mtu))
		r.AddData(metrics)
	}
	return r.Serialize()
}

// tell sends requests to the kernel, some at a time, and waits for the answer to the
// last of these.
func tell(requests [][]byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	answer := make([]byte, unix.Getpagesize())
	for some := range slices.Chunk(requests, 200) {
		flags := some[len(some)-1][6:] // of struct nlmsghdr
		binary.NativeEndian.PutUint16(flags, binary.NativeEndian.Uint16(flags)|unix.NLM_F_ACK)
		if err := unix.Sendto(fd, slices.Concat(some...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return err
		}
		n, err := unix.Read(fd, answer)
		if err != nil {
			return err
		}
		if n < unix.SizeofNlMsghdr+4 {
			return fmt.Errorf("an answer of %d bytes", n)
		}
		if errno := int32(binary.NativeEndian.Uint32(answer[unix.SizeofNlMsghdr:])); errno != 0 {
			return fmt.Errorf("add a route: %w", unix.Errno(-errno))
		}
	}
	return nil
}
