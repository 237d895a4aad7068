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
	// message; of those that it calls Queued, [Relay.Done] is told later. Packets
	// are valid until it returns. It never waits. read is when the source read
	// the batch.
	Send(read time.Time, batch []classify.Message, results []transport.Result)
}

// Observer sees the messages that say something about path MTUs, those whose
// verdict is [classify.Verdict.OfMTU]. The message is valid until Observe returns.
// from is the Ethernet address that the frame came from, zero where it is not
// known.
type Observer interface {
	Observe(m *classify.Message, from [6]byte)
}

// Watcher sees every message from the wire and what became of it; the outcome
// says something only where the verdict is eligible. The message is valid until
// Received returns. It is called by the capture goroutine, and by whoever calls
// [Relay.Done]: then the message has no Packet and no ICMP.
type Watcher interface {
	Received(*classify.Message, classify.Verdict, outcome.Outcome)
}

// Relay is the pipeline of one server.
type Relay struct {
	transport Transport
	observer  Observer
	watcher   Watcher
	settings  atomic.Pointer[Settings]
	epoch     time.Time

	decoder  classify.Decoder
	admitter *admit.Admitter
	messages []classify.Message // admitted ones of the batch at hand
	results  []transport.Result

	counts counts
}

// New makes a relay with its tables.
func New(t Transport, o Observer, w Watcher, s Settings) *Relay {
	r := &Relay{
		transport: t,
		observer:  o,
		watcher:   w,
		epoch:     time.Now(),
		admitter:  admit.New(),
		messages:  make([]classify.Message, 0, capture.MaxBatch),
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

// Epoch is when the relay was made: it knows time as what has passed since.
func (r *Relay) Epoch() time.Time { return r.epoch }

// Handle takes a batch from the source; read is when it was read.
func (r *Relay) Handle(read time.Time, batch []capture.Packet) {
	s := r.settings.Load()
	now := int64(read.Sub(r.epoch))
	r.messages = r.messages[:0]
	for _, p := range batch {
		r.take(now, s, p)
	}
	if len(r.messages) > 0 {
		r.send(read)
	}
}

// take judges one packet and collects it if it deserves a copy.
func (r *Relay) take(now int64, s *Settings, packet capture.Packet) {
	m, verdict := r.decoder.Decode(packet.Data)
	if verdict == classify.Eligible {
		verdict = s.Policy.Classify(m)
	}
	r.counts.verdict(m.Family, verdict)
	if verdict.OfMTU() {
		r.observer.Observe(m, packet.From)
	}
	if verdict != classify.Eligible {
		r.watcher.Received(m, verdict, 0)
		return
	}
	refused, admitted := r.admitter.Admit(now, m, &s.Limits)
	switch {
	case !admitted:
		r.ended(m, refused)
	case s.Paused:
		r.ended(m, outcome.Paused)
	case s.DryRun:
		r.ended(m, outcome.DryRun)
	default:
		r.messages = append(r.messages, *m)
	}
}

// send gives the collected messages to the transport and counts what became of
// them.
func (r *Relay) send(read time.Time) {
	results := r.results[:len(r.messages)]
	r.transport.Send(read, r.messages, results)
	took := time.Since(read)
	for i := range r.messages {
		if results[i] != transport.Queued {
			r.done(took, &r.messages[i], results[i])
		}
	}
}

// Done counts what became of an admitted message. It is a [transport.Done] and
// may be called from any goroutine.
func (r *Relay) Done(read time.Time, m *classify.Message, result transport.Result) {
	r.done(time.Since(read), m, result)
}

func (r *Relay) done(took time.Duration, m *classify.Message, result transport.Result) {
	o := outcomeOf(result)
	if o == outcome.Relayed {
		r.counts.latency.Observe(took.Seconds())
	}
	r.ended(m, o)
}

// ended counts the one outcome of an eligible message.
func (r *Relay) ended(m *classify.Message, o outcome.Outcome) {
	r.counts.outcome(m.Family, o)
	r.watcher.Received(m, classify.Eligible, o)
}

func outcomeOf(r transport.Result) outcome.Outcome {
	switch r {
	case transport.Sent:
		return outcome.Relayed
	case transport.NoPeers:
		return outcome.NoPeers
	case transport.QueueFull:
		return outcome.QueueFull
	case transport.Failed, transport.Queued:
	}
	return outcome.SendFailed
}
