package integration

import (
	"net/netip"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Every download through the black hole finishes within three seconds, 64 of
// each family, while every server is under the same flood from before they start
// until they are done.
func TestHealsUnderFlood(t *testing.T) {
	for _, c := range []struct {
		name   string
		attack attack
	}{
		{"random", attack{rate: 30_000, spends: true}},
		{"busy router", attack{rate: 1000, forge: busyRouter}},
		{"real router at 600", attack{rate: 600, forge: realRouter}},
		{"real router at 10000", attack{rate: 10_000, forge: realRouter}},
		{"duplicates", attack{rate: 30_000, forge: duplicates}},
		{"comebacks", attack{rate: 2000, forge: comebacks, spends: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := besiege(t, c.attack)
			r := labtest.Downloads(t, s.lab, lab.Load{})
			s.lift()
			allFinished(t, r)
		})
	}
}

// The same with a router that can emit only 50 PTBs a second, one family after
// the other, since they share them.
func TestHealsSlowRouterUnderFlood(t *testing.T) {
	s := besiege(t, attack{rate: 30_000, spends: true, options: lab.Options{PTBRate: 50}})
	var reports []lab.Report
	for _, f := range lab.Families() {
		reports = append(reports, labtest.Downloads(t, s.lab, lab.Load{Families: []lab.Family{f}}))
	}
	s.lift()
	for _, r := range reports {
		allFinished(t, r)
	}
}

// A flood about one client leaves the others as they were, and does not keep
// its own downloads from healing.
func TestFloodAboutOneClient(t *testing.T) {
	s := besiege(t, attack{rate: 10_000, forge: oneClient})
	r := labtest.Downloads(t, s.lab, lab.Load{})
	s.lift()
	allFinished(t, r)
	for _, x := range r.Family(lab.IPv4).Results { // all IPv6 clients of the lab share a /64
		if x.Client != 0 && x.Duration > slowest {
			t.Errorf("%v took %v, at most %v", x.Flow, x.Duration.Round(time.Millisecond), slowest)
		}
	}
}

// realRouter borrows the address of the router that sends the real PTBs.
func realRouter(l *lab.Lab, _ int) forgery { return forgery{router: l.ISPAddr} }

// busyRouter is what the real router sends when it has many flows to speak of.
func busyRouter(l *lab.Lab, _ int) forgery {
	flows := 512 * len(l.Servers)
	return forgery{router: l.ISPAddr, number: func(n int) int { return n % flows }}
}

// oneClient speaks of ever new flows of the first client.
func oneClient(l *lab.Lab, _ int) forgery {
	return forgery{client: func(f lab.Family) netip.Addr { return l.ClientAddr(f, 0) }}
}

// duplicates are a few PTBs, again and again.
func duplicates(l *lab.Lab, _ int) forgery {
	few := 32 * len(l.Servers)
	return forgery{number: func(n int) int { return n % few }}
}

// comebacks imitates black-holed senders: half of the PTBs, at random, are those
// of half a second before, as retransmissions would provoke them.
func comebacks(l *lab.Lab, rate int) forgery {
	again, fresh := 0, rate*len(l.Servers)/4
	return forgery{scattered: true, number: func(n int) int {
		next := &fresh
		if draw(n, 3)&1 == 0 {
			next = &again
		}
		*next++
		return *next
	}}
}

func allFinished(t *testing.T, r lab.Report) {
	t.Helper()
	for _, f := range lab.Families() {
		if part := r.Family(f); len(part.Results) > 0 {
			t.Logf("%v: %v", f, part.Summary())
		}
	}
	for _, x := range r.Results {
		if !x.Finished {
			t.Errorf("%v: %v", x.Flow, x.Err)
		}
	}
}
