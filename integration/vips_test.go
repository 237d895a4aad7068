package integration

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/rules"
)

// Several VIPs heal, however the servers hold and the configuration names them;
// of AnyIP prefixes so do addresses that stand in no list.
func TestHealsSeveralVIPs(t *testing.T) {
	for name, c := range map[string]struct {
		placement lab.Placement
		config    string
	}{
		"lo":               {lab.VIPOnLoopback, ""},
		"anyip":            {lab.VIPAnyIP, ""},
		"anyip, prefixes":  {lab.VIPAnyIP, "vips: [192.0.2.0/24, 2001:db8:ffff::/64]\n"},
		"interface, named": {lab.VIPOnInterface, "vips: [192.0.2.1, 192.0.2.2, 192.0.2.3, 2001:db8:ffff::1, 2001:db8:ffff::2, 2001:db8:ffff::3]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			l := labtest.New(t, lab.Options{VIPs: c.placement, VIPCount: 3})
			taps := labtest.TapServers(t, l)
			labtest.StartRelays(t, l, "--config", writeConfig(t, c.config))
			r := labtest.Downloads(t, l, lab.Load{})
			catchUp(t, l, taps)
			checkHealed(t, l, r, taps)
		})
	}
}

// catchUp waits until the servers' taps have recorded what was on the segment
// before.
func catchUp(t *testing.T, l *lab.Lab, taps []*lab.Tap) {
	t.Helper()
	for _, tap := range taps {
		labtest.Fence(t, l.Switch, "br0", tap)
	}
}

// checkHealed checks that every flow finished, and of those whose PTB missed
// its owner, of which each VIP has some, that the owner learned by a copy.
func checkHealed(t *testing.T, l *lab.Lab, r lab.Report, taps []*lab.Tap) {
	t.Helper()
	missed, copies := r.Missed(l.Landings(taps)), copiesSeen(taps)
	byVIP := make(map[netip.Addr]int)
	for _, x := range r.Results {
		if !x.Finished {
			t.Errorf("%v: %v", x.Flow, x.Err)
		}
		if slices.Contains(missed, x.Flow) {
			byVIP[x.Flow.VIP.Addr()]++
			checkLearned(t, l, x, copies[x.Flow])
		}
	}
	for _, f := range lab.Families() {
		for _, vip := range l.VIPAddrs(f) {
			if byVIP[vip] == 0 {
				t.Errorf("no PTB about %v missed its owner: nothing was tried", vip)
			}
		}
	}
	checkSlowest(t, r)
}

// A VIP that the configuration does not name is none of ours: nothing about it
// is relayed, though this host holds it; what is named heals beside it.
func TestOtherVIPsAreNotRelayed(t *testing.T) {
	t.Parallel() // it waits more than it works
	l := labtest.New(t, lab.Options{VIPCount: 2})
	taps := labtest.TapServers(t, l)
	labtest.StartRelays(t, l, "--config", writeConfig(t, "vips: [192.0.2.1, 2001:db8:ffff::1]\n"))
	r := labtest.Downloads(t, l, lab.Load{Timeout: 2 * time.Second})
	catchUp(t, l, taps)
	missed, copies := r.Missed(l.Landings(taps)), copiesSeen(taps)
	tried := make(map[netip.Addr]int)
	for _, x := range r.Results {
		vip := x.Flow.VIP.Addr()
		ours := vip == l.VIP(lab.FamilyOf(vip))
		if !ours && len(copies[x.Flow]) > 0 {
			t.Errorf("%v: %d copies of PTBs about a VIP that is not named", x.Flow, len(copies[x.Flow]))
		}
		if !slices.Contains(missed, x.Flow) {
			continue
		}
		tried[vip]++
		if x.Finished != ours {
			t.Errorf("%v: its PTB missed its owner; finished: %v, VIP named: %v", x.Flow, x.Finished, ours)
		}
	}
	if len(tried) != 4 {
		t.Errorf("PTBs missed their owners for %v, want some for both VIPs of both families", tried)
	}
}

// A VIP that this host gains or loses is relayed for, or not, at once: by the
// rules, which ask the FIB, and by the policy, which follows it.
func TestFollowsLocalAddresses(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	// The operator's table is wider than what is local.
	operatorsTable(t, server, rules.Config{Group: 33, Guard: 100000, VIPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	labtest.StartRelay(t, server, "--config", writeConfig(t, "rules: {manage: false}\n"))
	lo, err := server.Handle().LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	vip, err := netlink.ParseAddr("192.0.2.77/32")
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(41000)
	until := func(metric string) {
		t.Helper()
		before := metricsOf(t, server)[metric]
		labtest.Eventually(t, 5*time.Second, metric+" rises", func() error {
			port++
			labtest.FromRouter(t, l, 0, classifytest.PTB{VIP: netip.MustParseAddr("192.0.2.77"), ClientPort: port}.Bytes())
			if metricsOf(t, server)[metric] == before {
				return errNotYet
			}
			return nil
		})
	}
	until(verdictMetric("ipv4", classify.ForeignVIP))
	if err := server.Handle().AddrAdd(lo, vip); err != nil {
		t.Fatal(err)
	}
	until(outcomeMetric("ipv4", "relayed"))
	if err := server.Handle().AddrDel(lo, vip); err != nil {
		t.Fatal(err)
	}
	until(verdictMetric("ipv4", classify.ForeignVIP))
	checkLaws(t, server)
}
