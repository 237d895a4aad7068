package integration

import (
	"slices"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/transport"
)

// outage is a time in which no daemon captured on a server.
type outage struct{ begin, end time.Time }

func (o outage) took() time.Duration { return o.end.Sub(o.begin) }

func (o outage) has(t time.Time) bool { return t.After(o.begin) && t.Before(o.end) }

// Every daemon in turn is stopped and started again, while downloads through the
// black hole begin all the time: all of them finish.
func (d *day) upgrade() {
	d.t.Helper()
	spread := 8 * time.Second
	if labtest.RaceEnabled {
		spread *= 2
	}
	d.forget()
	var waits []func() lab.Report
	for _, f := range lab.Families() {
		waits = append(waits, startDownloads(d.t, d.Lab, lab.Load{
			Flows: d.clients, Families: []lab.Family{f}, Spread: spread, Timeout: 15 * time.Second,
		}))
	}
	var outages []outage
	for i := range d.Servers {
		outages = append(outages, d.restart(i))
		selftest(d.t, d.Servers[i], 0)
	}
	var report lab.Report
	for _, wait := range waits {
		report.Results = append(report.Results, wait().Results...)
	}
	allFinished(d.t, report)
	d.checkHeld(report, outages)
	d.truth()
	for i, s := range d.Servers {
		checkLaws(d.t, s)
		d.finds(i, false)
	}
}

// restart does that with one while PTBs or copies come to it. Nothing stays of its
// counts.
func (d *day) restart(server int) (o outage) {
	d.t.Helper()
	since := time.Now()
	labtest.Eventually(d.t, 5*time.Second, "downloads heal by "+d.Servers[server].Name(), func() error {
		if wire, copies := d.came(server, outage{since, time.Now()}); wire+copies == 0 {
			return errNotYet
		}
		return nil
	})
	o.begin = time.Now()
	d.renew(server)
	o.end = time.Now()
	received := 0.0
	for _, metric := range receivedFromWire() {
		received += metricsOf(d.t, d.Servers[server])[metric]
	}
	if wire, _ := d.came(server, outage{o.begin, time.Now()}); received > float64(wire) {
		d.t.Errorf("server %d: the daemon counts %v PTBs, since the other one's end %d came", server, received, wire)
	}
	return o
}

// renew stops a daemon, which leaves nothing behind, and starts another one.
func (d *day) renew(server int) {
	d.t.Helper()
	if code := labtest.Stop(d.t, d.daemons[server]); code != 0 {
		d.t.Errorf("server %d: exit code %d", server, code)
	}
	nothingLeft(d.t, d.Servers[server])
	d.begin(server)
}

// came is how many PTBs came to a server from the wire in some time, and how many
// frames of copies.
func (d *day) came(server int, within outage) (wire, copies int) {
	for _, f := range d.wire[server].Frames() {
		if f.Type != lab.PacketHost || !within.has(f.Time) {
			continue
		}
		if _, ok := lab.ParsePTB(f); ok {
			wire++
		} else if c, ok := parseDatagram(f); ok && c.kind == transport.TypePTB {
			copies++
		}
	}
	return wire, copies
}

// checkHeld checks that for want of a daemon some PTBs were not relayed, and some
// copies not delivered, and that no download was held up for longer than that
// explains. Its PTBs and their copies need two servers. A sender's back-off doubles:
// after the outage of one it tries again at the latest when as much time has gone by
// once more, and if that meets the outage of the other, once more again.
func (d *day) checkHeld(report lab.Report, outages []outage) {
	d.t.Helper()
	landings := d.Landings(d.wire)
	held, lost := 0, 0
	for i, o := range outages {
		wire, copies := d.came(i, o)
		held, lost = held+wire, lost+copies
		d.t.Logf("server %d: no daemon for %v, in which came %d PTBs and %d copies", i, o.took().Round(time.Millisecond), wire, copies)
	}
	if held == 0 || lost == 0 {
		d.t.Error("while daemons were away no PTB came, or no copy")
	}
	for _, x := range report.Results {
		var longest time.Duration
		for i, o := range outages {
			if i == x.Owner || slices.Contains(landings[x.Flow], i) {
				longest = max(longest, o.took())
			}
		}
		if most := slowest + 4*longest; x.Duration > most {
			d.t.Errorf("%v took %v, at most %v", x.Flow, x.Duration.Round(time.Millisecond), most.Round(time.Millisecond))
		}
	}
}
