package integration

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Peers that are dead, each in another way, cost the living ones no copy: these get
// every one, what the kernel refuses is counted, and the log says little.
func TestDeadPeers(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1})
	nobody := l.ServerAddr(lab.IPv4, 50)                       // on the segment, and no host answers for it
	unreachable := netip.MustParseAddr("198.51.100.64")        // by a route that says so
	closed := netip.AddrPortFrom(l.ServerAddr(lab.IPv4, 1), 9) // a living host, and nobody listens
	refuse(t, l.Servers[0], unreachable)
	dead := []string{nobody.String(), unreachable.String(), closed.String()}

	var relays []*lab.Process
	for i, s := range l.Servers {
		labtest.WriteKeys(t, s, labtest.Key(0))
		args := labtest.Peers(l, lab.IPv4)
		if i == 0 {
			for _, a := range dead {
				args = append([]string{"--peer", a}, args...) // before the living ones
			}
		}
		relays = append(relays, labtest.StartUDPRelay(t, s, args...))
	}
	const messages, rate = 600, 400
	living := float64(len(l.Servers) - 1)
	rain := labtest.StartFlood(t, l, lab.Stream{Rate: rate, Count: messages, Fill: newForger(t, l, forgery{}, 0).fill})
	for _, s := range l.Servers[1:] {
		await(t, s, datagramMetric("ptb", "opened"), messages)
	}
	rain.Stop()

	labtest.Eventually(t, 5*time.Second, "all messages are relayed", func() error {
		if n := sum(metricsOf(t, l.Servers[0]), "ptbrelay_outcomes_total"); n != messages {
			return fmt.Errorf("%v of %v", n, messages)
		}
		return nil
	})
	m := metricsOf(t, l.Servers[0])
	if relayed := m[outcomeMetric("ipv4", "relayed")] + m[outcomeMetric("ipv6", "relayed")]; relayed != messages {
		t.Errorf("%v messages relayed of %d", relayed, messages)
	}
	copies, errors := m[udpCopies], m[udpErrors]
	if all := messages * (living + float64(len(dead))); copies+errors != all || errors < messages {
		t.Errorf("%v copies and %v errors, want %v in all, and at least %d errors for the peer that no route leads to", copies, errors, all, messages)
	}
	checkLaws(t, l.Servers[0])
	said := 0
	for line := range strings.Lines(relays[0].Log()) {
		if strings.Contains(line, "level=WARN") {
			said++
		}
	}
	if said == 0 || said > len(dead) {
		t.Errorf("%d warnings in the log, want one for each dead peer that the kernel tells of:\n%s", said, relays[0].Log())
	}
}

// refuse adds a route that makes an address unreachable.
func refuse(t testing.TB, n *lab.Node, a netip.Addr) {
	t.Helper()
	err := n.Handle().RouteAdd(&netlink.Route{
		Dst: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}, Type: unix.RTN_UNREACHABLE,
	})
	if err != nil {
		t.Fatalf("%s: %v", n.Name(), err)
	}
}
