package relay

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ptbrelay/classify"
	"ptbrelay/relay/capture"
	"ptbrelay/relay/deliver"
	"ptbrelay/relay/outcome"
	"ptbrelay/relay/rules"
	"ptbrelay/relay/transport"
)

// Sources are the rooms whose counts a Collector exports.
type Sources struct {
	Relay         *Relay
	Capture       func() capture.Stats
	Transport     func() transport.Stats
	TransportName string // broadcast or udp
	// Rules returns ok false where no table of ours can be read.
	Rules  func() (s rules.Stats, ok bool)
	Reload *Reload

	// What transport udp has beside; nil counts nothing.
	Deliver   func() deliver.Stats
	Datagrams func() transport.Datagrams
	Peers     func() PeerCounts
}

// Reload remembers how the last reading of the configuration ended.
type Reload struct {
	failed atomic.Bool
	at     atomic.Int64 // unix seconds
}

// Succeeded notes that a configuration was put in force at t.
func (r *Reload) Succeeded(t time.Time) {
	r.at.Store(t.Unix())
	r.failed.Store(false)
}

// Failed notes that a configuration was refused; the old one goes on.
func (r *Reload) Failed() { r.failed.Store(true) }

// Refused tells whether the last configuration was.
func (r *Reload) Refused() bool { return r.failed.Load() }

// Collector exports the counts of all rooms of the relay to Prometheus. It reads
// them at scrape; every label value is there from the start.
type Collector struct{ from Sources }

// NewCollector makes a collector over the rooms.
func NewCollector(from Sources) *Collector { return &Collector{from} }

// The values of the label from.
const (
	FromWire = "wire"
	FromPeer = "peer"
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("ptbrelay_"+name, help, labels, nil)
}

var (
	receivedDesc    = desc("received_total", "Messages received: captured from the wire, or opened from the datagrams of peers.", "from", "family")
	verdictsDesc    = desc("verdicts_total", "Messages received, by what they are.", "from", "family", "verdict")
	deliveriesDesc  = desc("deliveries_total", "Eligible messages from peers, by what became of them.", "family", "outcome")
	datagramsDesc   = desc("datagrams_total", "Datagrams received on the udp transport's port.", "type", "result")
	appliedDesc     = desc("applied_total", "Injected messages of a sample, at most 20 a second and only of flows that this host owns, by whether the kernel's path MTU followed.", "family", "result")
	peersDesc       = desc("peers", "Peers by where their address comes from: up answers probes, down does not, unresolved is a name or file that has given no address yet. With broadcast there are none.", "source", "state")
	outcomesDesc    = desc("outcomes_total", "Eligible messages from the wire, by what became of them.", "family", "outcome")
	copiesDesc      = desc("copies_total", "Copies that the kernel took.", "transport")
	sendErrorsDesc  = desc("send_errors_total", "Copies that the kernel did not take.", "transport")
	lostDesc        = desc("capture_lost_total", "Messages that the kernel logged and we never got: overrun while our receive buffer was full, gap otherwise.", "reason")
	guardedDesc     = desc("guarded_total", "PTBs that the kernel's guard did not log because they came too fast; the host's own stack got them. Absent while no table of ours can be read.")
	reinstalledDesc = desc("rules_reinstalled_total", "Times the nftables table was changed by others and put back. Absent while no table of ours can be read.")
	pausedDesc      = desc("paused", "1 while sending and injecting are paused, else 0.")
	reloadOKDesc    = desc("config_reload_success", "1 if the configuration that was read last is in force, 0 if it was refused.")
	reloadTimeDesc  = desc("config_reload_timestamp_seconds", "When the configuration in force was read, in seconds since 1970.")
)

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		receivedDesc, verdictsDesc, outcomesDesc, copiesDesc, sendErrorsDesc, lostDesc,
		guardedDesc, reinstalledDesc, pausedDesc, reloadOKDesc, reloadTimeDesc,
		deliveriesDesc, datagramsDesc, appliedDesc, peersDesc,
	} {
		ch <- d
	}
	c.from.Relay.counts.latency.Describe(ch)
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	m := metrics{ch}
	m.wire(c.from.Relay.Stats())
	m.peer(read(c.from.Deliver))
	c.from.Relay.counts.latency.Collect(ch)

	t := c.from.Transport()
	m.counter(copiesDesc, t.Copies, c.from.TransportName)
	m.counter(sendErrorsDesc, t.Errors, c.from.TransportName)

	lost := c.from.Capture()
	m.counter(lostDesc, lost.Overrun, "overrun")
	m.counter(lostDesc, lost.Gap, "gap")

	if r, ok := c.from.Rules(); ok {
		m.counter(guardedDesc, r.Guarded)
		m.counter(reinstalledDesc, r.Reinstalled)
	}
	m.peers(read(c.from.Peers))
	m.datagrams(read(c.from.Datagrams))
	m.gauge(pausedDesc, truth(c.from.Relay.Settings().Paused))
	m.gauge(reloadOKDesc, truth(!c.from.Reload.failed.Load()))
	m.gauge(reloadTimeDesc, float64(c.from.Reload.at.Load()))
}

// read reads counts, which are zero where there is nothing to read.
func read[Counts any](from func() Counts) (c Counts) {
	if from != nil {
		c = from()
	}
	return c
}

// metrics writes values to a scrape.
type metrics struct{ ch chan<- prometheus.Metric }

// wire writes the counts of messages from the wire.
func (m metrics) wire(s Stats) {
	m.messages(FromWire, s.Received, s.Verdicts)
	for f := range classify.Family(classify.NumFamilies) {
		for o := range outcome.NumOutcomes {
			m.counter(outcomesDesc, s.Outcomes[f][o], f.String(), o.String())
		}
	}
}

// peer writes the counts of messages from peers.
func (m metrics) peer(s deliver.Stats) {
	m.messages(FromPeer, s.Received, s.Verdicts)
	for f := range classify.Family(classify.NumFamilies) {
		for d := range outcome.NumDeliveries {
			m.counter(deliveriesDesc, s.Deliveries[f][d], f.String(), d.String())
		}
		for r := range deliver.NumResults {
			m.counter(appliedDesc, s.Applied[f][r], f.String(), r.String())
		}
	}
}

func (m metrics) messages(from string, received [classify.NumFamilies]uint64, verdicts [classify.NumFamilies][classify.NumVerdicts]uint64) {
	for f := range classify.Family(classify.NumFamilies) {
		m.counter(receivedDesc, received[f], from, f.String())
		for v := range classify.Verdicts() {
			m.counter(verdictsDesc, verdicts[f][v], from, f.String(), v.String())
		}
	}
}

func (m metrics) datagrams(d transport.Datagrams) {
	for t := range transport.Type(transport.NumTypes) {
		for r := range transport.DatagramResult(transport.NumDatagramResults) {
			m.counter(datagramsDesc, d[t][r], t.String(), r.String())
		}
	}
}

func (m metrics) peers(counts PeerCounts) {
	for source := range NumPeerSources {
		for state := range NumPeerStates {
			m.gauge(peersDesc, float64(counts[source][state]), source.String(), state.String())
		}
	}
}

func (m metrics) counter(d *prometheus.Desc, v uint64, labels ...string) {
	m.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

func (m metrics) gauge(d *prometheus.Desc, v float64, labels ...string) {
	m.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
