package integration

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// edge is the first server of a lab, with a configuration of ptbrelay.
type edge struct {
	*lab.Node
	t   *testing.T
	lab *lab.Lab
}

// edgeConfig is that configuration's path; every server has its own /run.
const edgeConfig = "/run/config.yaml"

// newEdge makes a server that doctor has nothing to say about that could be
// otherwise.
func newEdge(t *testing.T, o lab.Options, config string) edge {
	t.Helper()
	o.Servers, o.Clients = 1, 1
	l := labtest.New(t, o)
	e := edge{l.Servers[0], t, l}
	e.configure(config)
	e.set("net/ipv4/tcp_mtu_probing", "1")
	return e
}

func (e edge) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
}

// doctor has the command look at the server.
func (e edge) doctor() diagnosis {
	e.t.Helper()
	return doctor(e.t, e.Node, "--config", edgeConfig)
}

// configure changes ptbrelay's configuration.
func (e edge) configure(text string) {
	e.t.Helper()
	e.must(e.WriteFile(edgeConfig, []byte(text), 0o644))
}

func (e edge) set(path, value string) {
	e.t.Helper()
	e.must(e.SetSysctl(path, value))
}

func (e edge) link(name string) netlink.Link {
	e.t.Helper()
	l, err := e.Handle().LinkByName(name)
	e.must(err)
	return l
}

// index is that of eth0.
func (e edge) index() int {
	e.t.Helper()
	return e.link("eth0").Attrs().Index
}

// hold gives an interface an address at once, without a search for others that
// have it; drop takes it back.
func (e edge) hold(name, prefix string) (drop func()) {
	e.t.Helper()
	p := netip.MustParsePrefix(prefix)
	a := &netlink.Addr{IPNet: ipNetOf(p)}
	if p.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	e.must(e.Handle().AddrAdd(e.link(name), a))
	return func() { e.must(e.Handle().AddrDel(e.link(name), a)) }
}

func ipNetOf(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// routes are those to a prefix in a table.
func (e edge) routes(to netip.Prefix, table int) (found []netlink.Route) {
	e.t.Helper()
	all, err := e.Handle().RouteListFiltered(familyOf(to.Addr()), &netlink.Route{Table: table}, netlink.RT_FILTER_TABLE)
	e.must(err)
	for _, r := range all {
		if r.Dst.String() == to.String() {
			found = append(found, r)
		}
	}
	return found
}

func familyOf(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// anywhere is the destination of default routes.
func anywhere(f lab.Family) netip.Prefix {
	if f == lab.IPv4 {
		return netip.MustParsePrefix("0.0.0.0/0")
	}
	return netip.MustParsePrefix("::/0")
}

// defaultRoute is the one that the lab's servers have.
func (e edge) defaultRoute(f lab.Family) netlink.Route {
	e.t.Helper()
	found := e.routes(anywhere(f), unix.RT_TABLE_MAIN)
	if len(found) != 1 {
		e.t.Fatalf("%v default routes: %v", f, found)
	}
	return found[0]
}

// by is a default route through a gateway on eth0.
func (e edge) by(gateway string, metric int) netlink.Route {
	e.t.Helper()
	a := netip.MustParseAddr(gateway)
	return netlink.Route{LinkIndex: e.index(), Gw: a.AsSlice(), Priority: metric, Dst: ipNetOf(anywhere(lab.FamilyOf(a)))}
}

// add adds a route, which remove takes away.
func (e edge) add(r netlink.Route) (remove func()) {
	e.t.Helper()
	e.must(e.Handle().RouteAdd(&r))
	return func() { e.must(e.Handle().RouteDel(&r)) }
}

// replace puts a route in another's place, where restore puts that one back.
func (e edge) replace(old, r netlink.Route) (restore func()) {
	e.t.Helper()
	put := func(out, in netlink.Route) {
		e.must(e.Handle().RouteDel(&out))
		e.must(e.Handle().RouteAdd(&in))
	}
	put(old, r)
	return func() { put(r, old) }
}

// local reports whether the kernel keeps what is sent to an address.
func (e edge) local(a string) bool {
	e.t.Helper()
	routes, err := e.Handle().RouteGet(net.ParseIP(a))
	return err == nil && len(routes) == 1 && routes[0].Type == unix.RTN_LOCAL
}

// lose has the kernel ask for neighbours on eth0 that are not there, one of them by
// each address, until it has given up on all.
func (e edge) lose(neighbours ...string) {
	e.t.Helper()
	for _, family := range []string{"ipv4", "ipv6"} {
		e.set("net/"+family+"/neigh/eth0/mcast_solicit", "1")
		e.set("net/"+family+"/neigh/eth0/retrans_time_ms", "10")
	}
	for _, a := range neighbours {
		address := netip.MustParseAddr(a)
		if address.IsLinkLocalUnicast() {
			address = address.WithZone("eth0")
		}
		c, err := e.Dial(e.t.Context(), "udp", netip.AddrPortFrom(address, 9).String())
		e.must(err)
		_, _ = c.Write([]byte{0}) // the kernel asks, and need not say so
		e.must(c.Close())
	}
	labtest.Eventually(e.t, 5*time.Second, "the kernel gives the neighbours up", func() error {
		if failed := e.failed(); len(failed) != len(neighbours) {
			return errNotYet
		}
		return nil
	})
}

// failed are the neighbours that do not answer.
func (e edge) failed() (addresses []string) {
	e.t.Helper()
	all, err := e.Handle().NeighList(e.index(), netlink.FAMILY_ALL)
	e.must(err)
	for _, n := range all {
		if n.State == netlink.NUD_FAILED {
			addresses = append(addresses, n.IP.String())
		}
	}
	return addresses
}

// routesByFailed reports whether a route goes by a neighbour that does not answer.
func (e edge) routesByFailed() bool {
	e.t.Helper()
	failed := e.failed()
	all, err := e.Handle().RouteList(nil, netlink.FAMILY_ALL)
	e.must(err)
	return slices.ContainsFunc(all, func(r netlink.Route) bool { return r.Gw != nil && slices.Contains(failed, r.Gw.String()) })
}

// lines of a file of proc that is the namespace's own.
func (e edge) lines(file string) (lines []string) {
	e.t.Helper()
	e.must(e.Do(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/" + file)
		lines = slices.Collect(strings.Lines(string(b)))
		return err
	}))
	return lines
}
