package integration

import (
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// An interface that goes down and comes back, or goes for good and is made
// anew, costs the copies of that time and no more.
func TestLinkFlap(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	// Copies leave by a second interface; PTBs keep coming in by the first.
	side := addSide(t, server)
	labtest.StartRelay(t, server, "--interface", "side0")
	port := uint16(41000)
	relay := func(outcome string) {
		t.Helper()
		port++
		before := metricsOf(t, server)[outcomeMetric("ipv4", outcome)]
		labtest.FromRouter(t, l, 0, classifytest.PTB{ClientPort: port}.Bytes())
		await(t, server, outcomeMetric("ipv4", outcome), before+1)
	}
	errorsOf := func() float64 { return metricsOf(t, server)[`ptbrelay_send_errors_total{transport="broadcast"}`] }

	relay("relayed")
	if n := errorsOf(); n != 0 {
		t.Fatalf("%v send errors with both interfaces up", n)
	}
	far, err := server.Handle().LinkByName("side1")
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range []struct {
		what  string
		cause func() error
	}{
		{"has no carrier", func() error { return server.Handle().LinkSetDown(far) }},
		{"is down", func() error { return server.Handle().LinkSetDown(side) }},
		{"is gone", func() error { return server.Handle().LinkDel(side) }},
	} {
		if err := fault.cause(); err != nil {
			t.Fatal(err)
		}
		// Frames that a link without carrier takes are lost until word of it
		// has come.
		labtest.Eventually(t, 5*time.Second, "a send error when one interface "+fault.what, func() error {
			before := errorsOf()
			relay("relayed") // eth0 takes it
			if errorsOf() == before {
				return errNotYet
			}
			return nil
		})
	}
	addSide(t, server)
	tap := labtest.Tap(t, server, "side1")
	labtest.Eventually(t, 5*time.Second, "a copy on the interface made anew", func() error {
		relay("relayed")
		if len(broadcasts(tap.Frames())) == 0 {
			return errNotYet
		}
		return nil
	})
	checkLaws(t, server)
}

// addSide makes a veth pair side0, side1 on a node, both up.
func addSide(t testing.TB, n *lab.Node) netlink.Link {
	t.Helper()
	pair := netlink.NewVeth(netlink.LinkAttrs{Name: "side0", MTU: 1500})
	pair.PeerName = "side1"
	if err := n.Handle().LinkAdd(pair); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"side0", "side1"} {
		link, err := n.Handle().LinkByName(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Handle().LinkSetUp(link); err != nil {
			t.Fatal(err)
		}
	}
	side, err := n.Handle().LinkByName("side0")
	if err != nil {
		t.Fatal(err)
	}
	return side
}
