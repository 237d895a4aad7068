package relay

import (
	"sync/atomic"
	"time"

	"ptbrelay/classify"
	"ptbrelay/relay/admit"
	"ptbrelay/relay/capture"
	"ptbrelay/relay/outcome"
	"ptbrelay/relay/transport"
)

// Transport gives copies to the peers.
type Transport interface {
	// Send writes to results, which is as long as batch, what became of each
	// item. Packets are valid until it returns. It never waits.
	Send(batch []transport.Item, results []transport.Result)
}

// Observer sees the messages that say something about path MTUs: those whose
// verdict is eligible, mtu-too-small, mtu-too-large or quote-fits. The message
// is valid until Observe returns.
type Observer interface {
	Observe(*classify.Message, classify.Verdict)
}

// Relay is the pipeline of one server.
type Relay struct {
	transport Transport
	observer  Observer
	settings  atomic.Pointer[Settings]
	epoch     time.Time

	decoder  classify.Decoder
	admitter *admit.Admitter
	items    []transport.Item // admitted messages of the batch at hand
	results  []transport.Result

	counts counts
}

// New makes a relay with its tables.
func New(t Transport, o Observer, s Settings) *Relay {
	r := &Relay{
		transport: t,
		observer:  o,
		epoch:     time.Now(),
		admitter:  admit.New(),
		items:     make([]transport.Item, 0, capture.MaxBatch),
		results:   make([]transport.Result, capture.MaxBatch),
		counts:    newCounts(),
	}
	r.Apply(s)
	return r
}

// Apply puts settings in force from the next batch on. Any goroutine may call
// it.
func (r *Relay) Apply(s Settings) { r.settings.Store(&s) }

// Settings returns the settings in force.
func (r *Relay) Settings() Settings { return *r.settings.Load() }

// Handle takes a batch from the source; read is when it was read.
func (r *Relay) Handle(read time.Time, batch []capture.Packet) {
	s := r.settings.Load()
	now := int64(read.Sub(r.epoch))
	r.items = r.items[:0]
	for _, p := range batch {
		r.take(now, s, p.Data)
	}
	if len(r.items) > 0 {
		r.send(read)
	}
}

// take judges one packet and collects it if it deserves a copy.
func (r *Relay) take(now int64, s *Settings, packet []byte) {
	m, verdict := r.decoder.Decode(packet)
	if verdict == classify.Eligible {
		verdict = s.Policy.Classify(m)
	}
	r.counts.verdict(m.Family, verdict)
	if speaksOfMTU(verdict) {
		r.observer.Observe(m, verdict)
	}
	if verdict != classify.Eligible {
		return
	}
	refused, admitted := r.admitter.Admit(now, m, &s.Limits)
	switch {
	case !admitted:
		r.counts.outcome(m.Family, refused)
	case s.Paused:
		r.counts.outcome(m.Family, outcome.Paused)
	case s.DryRun:
		r.counts.outcome(m.Family, outcome.DryRun)
	default:
		r.items = append(r.items, transport.Item{Packet: m.Packet, Family: m.Family})
	}
}

// speaksOfMTU tells the verdicts of messages that are for us and say something
// about a path, believable or not.
func speaksOfMTU(v classify.Verdict) bool {
	return v == classify.Eligible || v == classify.MTUTooSmall || v == classify.MTUTooLarge || v == classify.QuoteFits
}

// send gives the collected messages to the transport and counts what became of
// them.
func (r *Relay) send(read time.Time) {
	results := r.results[:len(r.items)]
	r.transport.Send(r.items, results)
	took := time.Since(read).Seconds()
	for i, item := range r.items {
		o := outcomeOf(results[i])
		r.counts.outcome(item.Family, o)
		if o == outcome.Relayed {
			r.counts.latency.Observe(took)
		}
	}
}

func outcomeOf(r transport.Result) outcome.Outcome {
	switch r {
	case transport.Sent:
		return outcome.Relayed
	case transport.NoPeers:
		return outcome.NoPeers
	case transport.Failed:
	}
	return outcome.SendFailed
}
