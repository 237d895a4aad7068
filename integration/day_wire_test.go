package integration

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/integration/lab"
	"ptbrelay/relay/transport"
)

// counting is a time in which no daemon starts.
type counting struct {
	*day
	before map[int]map[string]float64 // metrics by server
}

// count begins to compare what the daemons count with what is on the wire, where
// nothing but probes is under way.
func (d *day) count() counting {
	d.t.Helper()
	c := counting{d, make(map[int]map[string]float64)}
	for _, i := range d.running() {
		c.before[i] = atRest(d.t, d.Servers[i])
	}
	d.forget()
	return c
}

// check waits until both agree.
func (c counting) check() {
	c.t.Helper()
	for i := range c.before {
		awaitMetrics(c.t, c.Servers[i], 5*time.Second, "the counts are those of the wire", func(m map[string]float64) error {
			if diff := cmp.Diff(c.onWire(i), c.since(i, m)); diff != "" {
				return fmt.Errorf("-wire +metrics:\n%s", diff)
			}
			return nil
		})
		checkLaws(c.t, c.Servers[i])
	}
}

// onWire is what passed a server's interfaces.
func (c counting) onWire(server int) map[string]float64 {
	n := make(map[string]float64)
	frames := c.wire[server].Frames()
	for _, p := range lab.PTBs(frames) {
		if p.Frame.Type == lab.PacketHost {
			n["received"]++
		}
	}
	for range copiesLeaving(frames) {
		n["copies"]++
	}
	for _, f := range frames {
		if d, ok := parseDatagram(f); ok && d.kind == transport.TypePTB && f.Type == lab.PacketHost {
			n["datagrams"]++
		}
	}
	for _, p := range c.inside[server].PTBs() {
		ours := slices.Contains(c.VIPAddrs(p.Flow.Family()), p.VIP) // the selftest's proof is about another address
		if p.Frame.Type == lab.PacketOutgoing && ours {
			n["injected"]++
		}
	}
	return n
}

// since is what a server has counted of the same.
func (c counting) since(server int, now map[string]float64) map[string]float64 {
	n := make(map[string]float64)
	for name, metrics := range map[string][]string{
		"received":  receivedFromWire(),
		"copies":    {udpCopies},
		"datagrams": ptbDatagrams(),
		"injected":  {deliveryMetric("ipv4", "injected"), deliveryMetric("ipv6", "injected")},
	} {
		for _, metric := range metrics {
			if d := now[metric] - c.before[server][metric]; d != 0 {
				n[name] += d
			}
		}
	}
	return n
}

func receivedFromWire() []string {
	return []string{`ptbrelay_received_total{family="ipv4",from="wire"}`, `ptbrelay_received_total{family="ipv6",from="wire"}`}
}

// ptbDatagrams are the metrics of datagrams that carry a PTB, by result.
func ptbDatagrams() (metrics []string) {
	for r := range transport.NumDatagramResults {
		metrics = append(metrics, datagramMetric("ptb", transport.DatagramResult(r).String()))
	}
	return metrics
}
