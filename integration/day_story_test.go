package integration

import (
	"net"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// What an operator does on a working day, and what happens: at each step the page,
// the metrics and the selftest of every member tell the truth, as the wire and the
// sockets know it. The stories have a lab each, for one of them mostly waits.
func TestOperatorsDay(t *testing.T) {
	t.Parallel() // it waits more than it works
	t.Run("a peer dies", func(t *testing.T) {
		t.Parallel()
		peerDies(newDay(t, 3, 0, 1, 2))
	})
	t.Run("changes", func(t *testing.T) {
		t.Parallel()
		d := newDay(t, 4, 0, 1, 2)
		d.truth()
		d.peerAdded()
		d.canary()
		d.pause()
		d.mistake()
		d.rotation()
		d.drain()
		d.upgrade()
	})
}

// A fourth server is made a member: it hears the others at once, and gets copies
// when they have been told of it.
func (d *day) peerAdded() {
	d.t.Helper()
	const fresh = 3
	c := d.count()
	d.learnsNot(fresh, 0, 1, injected)
	c.check()
	all := []int{0, 1, 2, fresh}
	d.members[fresh] = member{peers: all, keys: d.members[0].keys}
	d.begin(fresh)
	d.truth()
	d.change(func(m *member) { m.peers = all }, 0, 1, 2)
	d.truth()
	c = d.count()
	d.learns(fresh, 0)
	d.learns(0, fresh)
	c.check()
}

// A member that runs dry neither sends nor injects, and all know.
func (d *day) canary() {
	d.t.Helper()
	const canary = 0
	c := d.count()
	d.change(func(m *member) { m.dryRun = true }, canary)
	d.truth()
	d.learnsNot(canary, 1, canary, func(f string) string { return deliveryMetric(f, "dry-run") })
	d.learnsNot(1, canary, canary, func(f string) string { return outcomeMetric(f, "dry-run") })
	c.check()
	d.change(func(m *member) { m.dryRun = false }, canary)
	d.truth()
	d.learns(canary, 1)
	d.learns(1, canary)
	c.check()
}

// The same for one that is paused.
func (d *day) pause() {
	d.t.Helper()
	const paused = 1
	c := d.count()
	obeyed(d.t, d.Servers[paused:paused+1], saysPaused, "pause")
	d.members[paused].paused = true
	d.truth()
	d.learnsNot(paused, 2, paused, func(f string) string { return deliveryMetric(f, "paused") })
	d.learnsNot(2, paused, paused, func(f string) string { return outcomeMetric(f, "paused") })
	c.check()
	obeyed(d.t, d.Servers[paused:paused+1], saysResumed, "resume")
	d.members[paused].paused = false
	d.truth()
	d.learns(paused, 2)
	d.learns(2, paused)
	c.check()
}

// A configuration that is wrong is refused as soon as it is there, and what was in
// force goes on; so is the mended one taken.
func (d *day) mistake() {
	d.t.Helper()
	const there = 2
	c := d.count()
	d.put(there, strings.Replace(d.text(there), "dry_run: false", "dry_rum: true", 1))
	d.members[there].refused = true
	d.truth()
	d.learns(there, 0)
	d.learns(0, there)
	c.check()
	d.put(there, d.text(there))
	d.members[there].refused = false
	d.truth()
}

// The key is changed in three steps, and one server is forgotten in the first: it
// hears nobody when the others have taken the second. What it sends is heard.
func (d *day) rotation() {
	d.t.Helper()
	const forgotten = 2
	others := []int{0, 1, 3}
	old, fresh := labtest.Key(0), labtest.Key(1)
	keys := func(k ...string) func(*member) { return func(m *member) { m.keys = k } }
	c := d.count()
	d.change(keys(old, fresh), others...)
	d.truth()
	d.change(keys(fresh, old), others...)
	d.truth()
	d.learnsNot(forgotten, 0, forgotten, func(string) string { return datagramMetric("ptb", "unauthenticated") })
	d.learns(1, 0)
	d.learns(0, forgotten)
	d.change(keys(fresh, old), forgotten)
	d.truth()
	d.change(keys(fresh), d.running()...)
	d.truth()
	d.learns(forgotten, 0)
	d.learns(0, forgotten)
	c.check()
	for _, i := range others {
		if n := d.unauthenticated(i); n != 0 {
			d.t.Errorf("server %d refused %v datagrams for their key", i, n)
		}
	}
}

func (d *day) unauthenticated(server int) (n float64) {
	d.t.Helper()
	m := metricsOf(d.t, d.Servers[server])
	for _, of := range []string{"ptb", "probe", "receipt", "unknown"} {
		n += m[datagramMetric(of, "unauthenticated")]
	}
	return n
}

// A server is drained: the router sends it no more clients, it gives up the VIPs and
// with them delivery, and all know. The others heal, by PTBs that come in there too. What a
// new daemon finds there is on its page.
func (d *day) drain() {
	d.t.Helper()
	const drained = 1
	c := d.count()
	d.steerPast(drained)
	d.withdraw(drained)
	d.members[drained].drained = true
	d.truth()
	before := d.delivered(drained, "not-local")
	d.learns(2, 0)
	d.learns(3, drained)
	d.delivers(drained, "not-local", 1)
	if n := d.delivered(drained, "not-local") - before; n != 2 {
		d.t.Errorf("%v copies found no VIP there, want 2", n)
	}
	c.check()
	report := labtest.Downloads(d.t, d.Lab, lab.Load{Flows: 24})
	allFinished(d.t, report)
	checkSlowest(d.t, report)
	d.renew(drained)
	d.truth()
	d.finds(drained, true)

	for _, f := range lab.Families() {
		labtest.HoldAddresses(d.t, d.Servers[drained], d.VIP(f))
	}
	d.steerBack()
	d.members[drained].drained = false
	d.truth()
	c = d.count()
	d.learns(drained, 0)
	c.check()
}

// steerPast has the router send what is for the VIPs to all servers but one, by
// routes that are more specific than the lab's.
func (d *day) steerPast(server int) {
	d.t.Helper()
	for _, f := range lab.Families() {
		route := d.vipRoute(f)
		for i := range d.Servers {
			if i != server {
				route.MultiPath = append(route.MultiPath, &netlink.NexthopInfo{Gw: d.ServerAddr(f, i).AsSlice()})
			}
		}
		if err := d.Router.Handle().RouteAdd(route); err != nil {
			d.t.Fatal(err)
		}
	}
}

func (d *day) steerBack() {
	d.t.Helper()
	for _, f := range lab.Families() {
		if err := d.Router.Handle().RouteDel(d.vipRoute(f)); err != nil {
			d.t.Fatal(err)
		}
	}
}

func (d *day) vipRoute(f lab.Family) *netlink.Route {
	vip := d.VIP(f)
	return &netlink.Route{Dst: &net.IPNet{IP: vip.AsSlice(), Mask: net.CIDRMask(vip.BitLen(), vip.BitLen())}}
}

func injected(family string) string { return deliveryMetric(family, "injected") }
