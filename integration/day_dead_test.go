package integration

import (
	"time"
)

// downWithin is how long after its last receipt a peer is down, and some slack.
const downWithin = 25*time.Second + 5*time.Second

// A daemon is killed. The selftests of the others know at once, their pages and
// metrics when it has been silent for 25 s; it gets its copies all the same. When it
// is back, the others know as soon as they have tried.
func peerDies(d *day) {
	d.t.Helper()
	const dead = 2
	d.truth()
	if err := d.daemons[dead].Kill(); err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.daemons[dead].Wait(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	d.members[dead].runs = false
	nothingLeft(d.t, d.Servers[dead])
	c := d.count()
	d.truth()
	d.learns(1, 0)
	d.learnsNot(dead, 0, 1, injected)
	c.check()
	if n := c.onWire(dead)["datagrams"]; n != 4 {
		d.t.Errorf("%v copies came to the one that is dead, want one of each PTB", n)
	}
	if counters, err := d.Servers[dead].Counters(); err != nil || counters["UdpNoPorts"] < 4 {
		d.t.Errorf("the kernel there has counted %d of them as UdpNoPorts (%v)", counters["UdpNoPorts"], err)
	}

	for _, i := range d.running() {
		awaitMetrics(d.t, d.Servers[i], downWithin, "the peer is down", func(m map[string]float64) error {
			if m[peersMetric("static", "down")] != 1 {
				return errNotYet
			}
			return nil
		})
		d.members[i].dead = []int{dead}
	}
	d.truth()
	c.check()

	d.begin(dead)
	for _, i := range d.others(dead) {
		d.members[i].dead = nil
	}
	d.truth()
	d.learns(dead, 0)
	d.learns(0, dead)
	c.check()
}
