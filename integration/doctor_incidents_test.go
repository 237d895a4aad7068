package integration

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// A host with 512 addresses, its VIPs on loopback, has the kernel compare all of them
// for each packet that is sent from none.
func TestDoctorOf512Addresses(t *testing.T) {
	e := newEdge(t, lab.Options{}, "")
	held := func() int { return len(e.lines("if_inet6")) }
	for i := range 512 - held() {
		e.hold("lo", fmt.Sprintf("2001:db8:ffff::2:%x/128", i))
	}
	found := e.doctor().of("source-selection-cost")
	if len(found) != 1 || found[0].String() != "warning source-selection-cost eth0" ||
		!strings.HasPrefix(found[0].read, "addresses: 512 of IPv6, 2 of them on eth0;") {
		t.Errorf("with %d addresses: %+v", held(), found)
	}
	e.mend(found[0].mend)
	if value, err := e.Sysctl("net/ipv6/conf/eth0/use_oif_addrs_only"); err != nil || value != "1" {
		t.Errorf("mended by %q, use_oif_addrs_only is %s, %v", found[0].mend, value, err)
	}
}

// The local route of an address vanishes: what is sent to it is heard no more until
// the route is back.
func TestDoctorOfVanishedRoute(t *testing.T) {
	e := newEdge(t, lab.Options{}, onSegment)
	before := e.doctor().told()
	socket, err := e.ListenPacket(t.Context(), "udp6", "[::]:53")
	e.must(err)
	defer socket.Close()
	vip := e.lab.VIP(lab.IPv6)
	e.checkHeard(socket, vip, true)
	e.forget("2001:db8:ffff::1/128")
	e.checkHeard(socket, vip, false)
	sick := e.doctor()
	want := []string{"error local-route-missing 2001:db8:ffff::1", "error vip-not-here 2001:db8:ffff::1"}
	if diff := cmp.Diff(want, without(sick.told(), before)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	e.mend(sick.of("local-route-missing")[0].mend)
	e.checkHeard(socket, vip, true)
	if diff := cmp.Diff(before, e.doctor().told()); diff != "" {
		t.Errorf("mended, -before +after:\n%s", diff)
	}
}

// checkHeard has the client send to an address and then to one that the server surely
// has, and fails the test unless the first is heard, or not.
func (e edge) checkHeard(socket net.PacketConn, at netip.Addr, want bool) {
	e.t.Helper()
	e.must(socket.SetReadDeadline(time.Now().Add(5 * time.Second)))
	for _, to := range []netip.Addr{at, e.lab.ServerAddr(lab.IPv6, 0)} {
		c, err := e.lab.Client.Dial(e.t.Context(), "udp", netip.AddrPortFrom(to, 53).String())
		e.must(err)
		_, err = c.Write([]byte(to.String()))
		e.must(err)
		e.must(c.Close())
	}
	buffer, heard := make([]byte, 64), false
	for {
		n, _, err := socket.ReadFrom(buffer)
		e.must(err)
		if string(buffer[:n]) != at.String() {
			break
		}
		heard = true
	}
	if heard != want {
		e.t.Errorf("what is sent to %v is heard: %v", at, heard)
	}
}

// A VIP is numbered ::0: to the router of its link that is its own, so it sends no PTB
// there.
func TestDoctorOfSubnetRouterAnycast(t *testing.T) {
	e := newEdge(t, lab.Options{}, "")
	before := e.doctor().told()
	const vip = "2001:db8:3::"
	e.hold("eth0", vip+"/64")
	e.awaitLocal(vip)
	wan, err := e.lab.Router.Handle().LinkByName("isp")
	e.must(err)
	e.must(e.lab.Router.Handle().LinkSetMTU(wan, 1300))
	wire := labtest.Tap(t, e.Node, "eth0")
	own := e.lab.ServerAddr(lab.IPv6, 0)
	for _, source := range []string{vip, own.String()} {
		e.must(e.sendBig(source))
	}
	labtest.Eventually(t, 5*time.Second, "the router sends a PTB to the other address", func() error {
		if len(wire.PTBs()) == 0 {
			return errNotYet
		}
		return nil
	})
	if found := wire.PTBs(); len(found) != 1 || found[0].VIP != own {
		t.Errorf("PTBs %+v, want one to %v", found, own)
	}
	if diff := cmp.Diff([]string{"warning vip-subnet-router-anycast " + vip}, without(e.doctor().told(), before)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// sendBig sends the client a packet of 1448 bytes, whole, from an address.
func (e edge) sendBig(source string) error {
	return e.Do(func() error {
		local := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(source), 0))
		client := net.UDPAddrFromAddrPort(netip.AddrPortFrom(e.lab.ClientAddr(lab.IPv6, 0), 9))
		c, err := net.DialUDP("udp6", local, client)
		if err != nil {
			return err
		}
		defer c.Close()
		raw, err := c.SyscallConn()
		if err != nil {
			return err
		}
		var refused error
		err = raw.Control(func(fd uintptr) { refused = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_DONTFRAG, 1) })
		_, sent := c.Write(make([]byte, 1400))
		return errors.Join(err, refused, sent)
	})
}

// The tag of the IPv6 default route was forgotten: UDP that needs more than 1280 bytes
// does not leave.
func TestDoctorOfForgottenTag(t *testing.T) {
	e := newEdge(t, lab.Options{}, "")
	e.tag(lab.IPv6, 1280, false)
	own := e.lab.ServerAddr(lab.IPv6, 0).String()
	if err := e.sendBig(own); !errors.Is(err, unix.EMSGSIZE) {
		t.Errorf("a big packet: %v", err)
	}
	found := e.doctor().of("route-mtu-tag")
	if len(found) != 1 || found[0].String() != "warning route-mtu-tag ::/0 table main metric 1024" ||
		found[0].read != "routing tables: mtu 1280, the interface's MTU is 1500" {
		t.Errorf("%+v", found)
	}
	e.mend(found[0].mend)
	e.must(e.sendBig(own))
}

// Thirty routers have advertised themselves and two are left: a flow that is sent to
// another dies.
func TestDoctorOfGoneRouters(t *testing.T) {
	const routers, left = 30, 2
	e := newEdge(t, lab.Options{}, "")
	before := e.doctor().told()
	static := e.defaultRoute(lab.IPv6)
	e.must(e.Handle().RouteDel(&static))
	link, err := e.lab.Router.Handle().LinkByName(e.lab.RouterInterface(0))
	e.must(err)
	for i := range left {
		a := &netlink.Addr{IPNet: ipNetOf(netip.MustParsePrefix(advertiser(i) + "/64")), Flags: unix.IFA_F_NODAD}
		e.must(e.lab.Router.Handle().AddrAdd(link, a))
	}
	e.believe(routers)
	var gone []string
	for i := left; i < routers; i++ {
		gone = append(gone, advertiser(i))
	}
	e.lose(gone...)

	sick := e.doctor()
	unexpected := sick.of("nexthop-unexpected")
	if len(unexpected) != 2 || unexpected[0].severity != "warning" || !strings.HasSuffix(unexpected[0].subject, "and 22 more") ||
		!strings.Contains(unexpected[0].read, "30 next hops") || unexpected[1].String() != "info nexthop-unexpected eth0" {
		t.Errorf("%+v", unexpected)
	}
	var want []string
	for _, a := range gone {
		want = append(want, "warning nexthop-unreachable via "+a+" dev eth0")
	}
	if diff := cmp.Diff(want, sick.of("nexthop-unreachable").told()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, f := range sick.of("nexthop-unreachable") {
		e.mend(f.mend)
	}
	if diff := cmp.Diff(append([]string{"info nexthop-unexpected eth0"}, before...), e.doctor().told()); diff != "" {
		t.Errorf("mended, -want +got:\n%s", diff)
	}
	if n := e.advertised(); n != left {
		t.Errorf("%d of %d next hops are left", n, left)
	}
}
