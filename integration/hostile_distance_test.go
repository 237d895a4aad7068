package integration

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

const (
	// farthest is the longest round trip to the ISP, jitter what it varies by.
	farthest = 50 * time.Millisecond
	jitter   = 2 * time.Millisecond
	// doze is how exactly a PTB comes when it is due.
	doze = 100 * time.Microsecond
)

// setApart has each PTB of the ISP's come later by a round trip, which differs
// from client to client, and all of them on one server.
//
// In the lab they would come at once, and what they meet would hang on chance:
// the timers of one kernel run out together, so one token meets retransmissions
// of many flows; and they run out on ticks, to which the limit in the rules that
// cuts the log into batches keeps step, so that in all of a test they come first
// in a batch, or last.
func setApart(t *testing.T, l *lab.Lab, server int) {
	t.Helper()
	for _, f := range lab.Families() {
		swallow(t, l.Router, l.ISPAddr(f))
	}
	to, from := labtest.MAC(t, l.Servers[server], "eth0"), labtest.MAC(t, l.Router, "servers")
	d := &distance{
		tap:    labtest.TapWith(t, l.Router, "isp", lab.TapOptions{Types: []lab.PacketType{lab.PacketHost}}),
		sender: labtest.Sender(t, l.Router, "servers"),
		macs:   slices.Concat(to[:], from[:]),
	}
	done := make(chan error, 1)
	go func() { done <- d.run(t.Context()) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// swallow has a router drop what comes from an address, in silence.
func swallow(t *testing.T, router *lab.Node, from netip.Addr) {
	t.Helper()
	rule := netlink.NewRule()
	rule.Family = unix.AF_INET
	if from.Is6() {
		rule.Family = unix.AF_INET6
	}
	rule.Priority, rule.Type = 1, unix.FR_ACT_BLACKHOLE
	rule.Src = &net.IPNet{IP: from.AsSlice(), Mask: net.CIDRMask(from.BitLen(), from.BitLen())}
	if err := router.Handle().RuleAdd(rule); err != nil {
		t.Fatal(err)
	}
}

// distance is the way from the ISP to a server.
type distance struct {
	tap    *lab.Tap // where PTBs set out
	sender *lab.Sender
	macs   []byte // of the server and the router
	seen   int
	queue  []traveller // soonest first
}

// traveller is a PTB on its way.
type traveller struct {
	due   time.Time
	frame []byte
}

// run carries PTBs until ctx ends.
func (d *distance) run(ctx context.Context) error {
	for ctx.Err() == nil {
		d.depart()
		if err := d.arrive(time.Now()); err != nil {
			return err
		}
		wait := unix.NsecToTimespec(int64(doze)) // a timer of Go's would wake in whole milliseconds
		_ = unix.Nanosleep(&wait, nil)           // a signal may end it early
	}
	return nil
}

// depart queues what has set out since.
func (d *distance) depart() {
	frames := d.tap.Frames()
	for ; d.seen < len(frames); d.seen++ {
		f := frames[d.seen]
		p, ok := lab.ParsePTB(f)
		if !ok {
			continue
		}
		x := traveller{due: f.Time.Add(d.roundTrip(p.Flow)), frame: slices.Concat(d.macs, f.Data[len(d.macs):])}
		at, _ := slices.BinarySearchFunc(d.queue, x, func(a, b traveller) int { return a.due.Compare(b.due) })
		d.queue = slices.Insert(d.queue, at, x)
	}
}

// roundTrip is what one of a flow's takes.
func (d *distance) roundTrip(f lab.Flow) time.Duration {
	whose := int(f.Client.Port())<<3 | int(f.Family())
	return time.Duration(draw(whose, 0)%uint64(farthest) + draw(d.seen, 1)%uint64(jitter))
}

// arrive sends what is due.
func (d *distance) arrive(now time.Time) error {
	var frames [][]byte
	for len(d.queue) > 0 && !d.queue[0].due.After(now) {
		frames = append(frames, d.queue[0].frame)
		d.queue = d.queue[1:]
	}
	return d.sender.Send(frames)
}
