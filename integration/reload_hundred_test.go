package integration

import (
	"fmt"
	"testing"
	"time"

	"ptbrelay/classify/classifytest"
	"ptbrelay/config"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

const (
	manyReloads = 100
	// reloadRate is in PTBs a second at each server, below every budget.
	reloadRate = 400
)

// changing is a group whose daemons all read new configurations while PTBs come.
type changing struct {
	t      *testing.T
	lab    *lab.Lab
	relays []*lab.Process
	path   string
	again  float64 // PTBs about it
}

// reload changes the guard and more of all daemons at once, in steps that hold no PTB
// of the test back.
func (c *changing) reload(i int) {
	c.t.Helper()
	vips := []string{"[192.0.2.0/24, 2001:db8:ffff::/64]", "[192.0.2.1, 2001:db8:ffff::1]", "[]"}[i%3]
	text := fmt.Sprintf("vips: %s\nrules: {node_guard: %d}\nrelay: {limits: {client: %d}}\n", vips, 50_000+i, 50+i%2)
	replaceFile(c.t, c.path, text)
	for _, r := range c.relays {
		hangUp(c.t, r, readAgain+" cause=signal")
	}
}

// comeBack sends each daemon one more PTB about a flow that it knows.
func (c *changing) comeBack() {
	c.t.Helper()
	for i := range c.lab.Servers {
		labtest.FromRouter(c.t, c.lab, i, classifytest.PTB{}.Bytes())
	}
	c.again++
}

// mostCopies is how many copies of one flow the windows of design allow within d:
// the first opens one of 150 ms, each more one of twice the time.
func mostCopies(d time.Duration) (n float64) {
	for window := 150 * time.Millisecond; d >= 0; window *= 2 {
		d -= window
		n++
	}
	return n
}

// A hundred reloads while PTBs come in at every member lose none of them, on the wire
// or from a peer; what was a duplicate before stays one; and nothing is left open.
func TestHundredReloadsLoseNothing(t *testing.T) {
	for _, transport := range transports {
		t.Run(string(transport), func(t *testing.T) {
			c := &changing{t: t, path: writeConfig(t, "")}
			c.lab, c.relays = startGroup(t, transport, lab.Options{Clients: 1, Servers: 2}, "--config", c.path)
			w := watchLeaving(t, c.lab)
			for i := range 4 {
				c.reload(i) // touches what is allocated and was never used
			}
			var floods []*labtest.Flood
			var before []state
			for i, s := range c.lab.Servers {
				before = append(before, measure(t, s, c.relays[i]))
				floods = append(floods, labtest.StartFloodToward(t, c.lab, i, lab.Stream{
					Rate: reloadRate, Count: 60 * reloadRate,
					Fill: newForger(t, c.lab, forgery{families: []lab.Family{lab.IPv6}}, i).fill,
				}))
			}
			begin := time.Now()
			c.comeBack()
			for i := range manyReloads {
				c.reload(i)
				c.comeBack()
			}
			took := time.Since(begin)
			for i, f := range floods {
				if !f.Running() {
					t.Errorf("server %d: the PTBs were over too early", i)
				}
				c.accounted(i, float64(f.Stop()), took)
			}
			c.copies(transport, w)
			for i, s := range c.lab.Servers {
				checkLaws(t, s)
				labtest.Eventually(t, 5*time.Second, "all is closed that was opened", func() error {
					return differs(before[i], measure(t, s, c.relays[i]))
				})
			}
		})
	}
}

// accounted checks that a daemon received every PTB that was sent to it, and that its
// memory of flows outlived the reloads.
func (c *changing) accounted(server int, flooded float64, took time.Duration) {
	c.t.Helper()
	s := c.lab.Servers[server]
	awaitMetrics(c.t, s, 5*time.Second, "every PTB is received", func(m map[string]float64) error {
		four, six := m[`ptbrelay_received_total{family="ipv4",from="wire"}`], m[`ptbrelay_received_total{family="ipv6",from="wire"}`]
		if four != c.again || six != flooded {
			return fmt.Errorf("%v of %v and %v of %v are", four, c.again, six, flooded)
		}
		return nil
	})
	m := metricsOf(c.t, s)
	if lost := sum(m, "ptbrelay_capture_lost_total") + m["ptbrelay_guarded_total"]; lost != 0 {
		c.t.Errorf("%s: %v lost or guarded", s.Name(), lost)
	}
	relayed := m[outcomeMetric("ipv4", "relayed")]
	if most := mostCopies(took); relayed > most || relayed < 1 || relayed+m[outcomeMetric("ipv4", "duplicate")] != c.again {
		c.t.Errorf("%s: of %v PTBs about one flow %v were relayed in %v, want at most %v, and the others duplicates", s.Name(), c.again, relayed, took, most)
	}
	if m[outcomeMetric("ipv6", "relayed")] == 0 {
		c.t.Errorf("%s relayed nothing of the flood", s.Name())
	}
}

// copies checks that each PTB relayed left as one frame, or was opened at the other
// member: several datagrams may leave as one frame.
func (c *changing) copies(transport config.Transport, w *leaving) {
	c.t.Helper()
	for i, s := range c.lab.Servers {
		m := metricsOf(c.t, s)
		relayed := m[outcomeMetric("ipv4", "relayed")] + m[outcomeMetric("ipv6", "relayed")]
		if transport == config.TransportUDP {
			await(c.t, c.lab.Servers[1-i], datagramMetric("ptb", "opened"), relayed)
		} else if left := float64(w.left(i)); left != relayed {
			c.t.Errorf("%s relayed %v PTBs, %v copies left", s.Name(), relayed, left)
		}
	}
}
