package relay

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/relay/admit"
	"ptbrelay/relay/capture"
	"ptbrelay/relay/deliver"
	"ptbrelay/relay/outcome"
	"ptbrelay/relay/rules"
	"ptbrelay/relay/transport"
)

// wire is a transport that keeps what it was given.
type wire struct {
	packets [][]byte
	result  transport.Result
}

func (w *wire) Send(_ time.Time, batch []classify.Message, results []transport.Result) {
	for i, item := range batch {
		w.packets = append(w.packets, slices.Clone(item.Packet))
		results[i] = w.result
	}
}

// observer counts what it sees.
type observer struct{ seen int }

func (o *observer) Observe(*classify.Message, [6]byte) { o.seen++ }

// testRelay is a relay under the policy of the corpus, with its surroundings.
func testRelay(s Settings) (*Relay, *wire, *observer) {
	w, o := &wire{result: transport.Sent}, new(observer)
	s.Policy = classifytest.Policy()
	if s.Limits == (admit.Limits{}) {
		s.Limits = limits(1000, 2000)
	}
	return New(w, o, silent{}, s), w, o
}

// limits bound the node alone.
func limits(node, burst uint32) admit.Limits {
	free := admit.PerSecond(1e9, 2e9)
	return admit.Limits{Node: admit.PerSecond(node, burst), Router: free, Client: free}
}

func batch(packets ...[]byte) (b []capture.Packet) {
	for _, p := range packets {
		b = append(b, capture.Packet{Data: p})
	}
	return b
}

func flows(n int) (packets [][]byte) {
	for i := range n {
		packets = append(packets, classifytest.PTB{ClientPort: uint16(1000 + i)}.Bytes())
	}
	return packets
}

// laws fails the test unless the counts add up.
func laws(t *testing.T, s Stats) {
	t.Helper()
	for f := range s.Received {
		var verdicts, outcomes uint64
		for _, n := range s.Verdicts[f] {
			verdicts += n
		}
		for _, n := range s.Outcomes[f] {
			outcomes += n
		}
		if s.Received[f] != verdicts {
			t.Errorf("%v: %d received, verdicts add up to %d", classify.Family(f), s.Received[f], verdicts)
		}
		if eligible := s.Verdicts[f][classify.Eligible]; eligible != outcomes {
			t.Errorf("%v: %d eligible, outcomes add up to %d", classify.Family(f), eligible, outcomes)
		}
	}
}

func total(s Stats, o outcome.Outcome) (n uint64) {
	for f := range s.Outcomes {
		n += s.Outcomes[f][o]
	}
	return n
}

// Every packet of the corpus ends in its verdict; the observer sees those that
// speak of MTUs, the transport the eligible ones, verbatim and once.
func TestCorpus(t *testing.T) {
	r, w, o := testRelay(Settings{})
	want := make(map[classify.Verdict]uint64)
	keys := make(map[classify.Key]bool)
	for _, c := range classifytest.Corpus() {
		before := o.seen
		r.Handle(time.Now(), batch(c.Packet))
		want[c.Verdict]++
		v := c.Verdict
		speaks := v == classify.Eligible || v == classify.MTUTooSmall || v == classify.MTUTooLarge || v == classify.QuoteFits
		if got := o.seen - before; speaks && got != 1 || !speaks && got != 0 {
			t.Errorf("%s: the observer saw it %d times", c.Name, got)
		}
		if c.Verdict == classify.Eligible {
			var d classify.Decoder
			m, _ := d.Decode(c.Packet)
			if !keys[m.Key()] && !slices.Equal(w.packets[len(w.packets)-1], m.Packet) {
				t.Errorf("%s: what was sent differs from the packet", c.Name)
			}
			keys[m.Key()] = true
		}
	}
	s := r.Stats()
	for v := range classify.Verdicts() {
		var got uint64
		for f := range s.Verdicts {
			got += s.Verdicts[f][v]
		}
		if got != want[v] || want[v] == 0 {
			t.Errorf("%v: counted %d, sent %d", v, got, want[v])
		}
	}
	if len(w.packets) != len(keys) {
		t.Errorf("%d packets sent, want %d: one for each flow and MTU", len(w.packets), len(keys))
	}
	laws(t, s)
}

// Each way for an eligible message to end is counted under its own name.
func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		name     string
		settings Settings
		result   transport.Result
		want     outcome.Outcome
		sent     bool
	}{
		{"relayed", Settings{}, transport.Sent, outcome.Relayed, true},
		{"send failed", Settings{}, transport.Failed, outcome.SendFailed, true},
		{"no peers", Settings{}, transport.NoPeers, outcome.NoPeers, true},
		{"queue full", Settings{}, transport.QueueFull, outcome.QueueFull, true},
		{"dry run", Settings{DryRun: true}, transport.Sent, outcome.DryRun, false},
		{"paused", Settings{Paused: true}, transport.Sent, outcome.Paused, false},
		{"paused dry run", Settings{Paused: true, DryRun: true}, transport.Sent, outcome.Paused, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, w, _ := testRelay(c.settings)
			w.result = c.result
			packets := flows(5)
			r.Handle(time.Now(), batch(append(packets, packets...)...))
			s := r.Stats()
			if total(s, c.want) != 5 || total(s, outcome.Duplicate) != 5 {
				t.Errorf("%v %d, duplicate %d, want 5 and 5", c.want, total(s, c.want), total(s, outcome.Duplicate))
			}
			if (len(w.packets) == 5) != c.sent || len(w.packets) != 0 && !c.sent {
				t.Errorf("%d packets sent", len(w.packets))
			}
			laws(t, s)
		})
	}
}

func TestNodeLimit(t *testing.T) {
	r, w, _ := testRelay(Settings{Limits: limits(10, 8)})
	now := time.Now()
	r.Handle(now, batch(flows(100)...))
	// Half of the burst, and after 0.2 s two more tokens.
	r.Handle(now.Add(200*time.Millisecond), batch(flows(100)...))
	s := r.Stats()
	if total(s, outcome.Relayed) != 4+6 || total(s, outcome.Deferred) != 96 || total(s, outcome.LimitedNode) != 94 || len(w.packets) != 10 {
		t.Errorf("relayed %d, deferred %d, limited-node %d, sent %d",
			total(s, outcome.Relayed), total(s, outcome.Deferred), total(s, outcome.LimitedNode), len(w.packets))
	}
	laws(t, s)
}

// Settings replace each other while messages are handled; what dedup remembers
// survives them.
func TestApply(t *testing.T) {
	r, w, _ := testRelay(Settings{DryRun: true})
	start := time.Now()
	packet := flows(1)
	r.Handle(start, batch(packet...))
	s := r.Settings()
	s.DryRun = false
	r.Apply(s)
	r.Handle(start.Add(100*time.Millisecond), batch(packet...))
	if len(w.packets) != 0 {
		t.Error("the window that a dry run opened was forgotten")
	}
	r.Handle(start.Add(200*time.Millisecond), batch(packet...))
	if len(w.packets) != 1 {
		t.Errorf("%d packets sent after the window, want 1", len(w.packets))
	}
}

// Garbage changes nothing but counters.
func TestFiveThousandGarbagePackets(t *testing.T) {
	r, w, o := testRelay(Settings{})
	random := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		packet := make([]byte, random.IntN(200))
		for i := range packet {
			packet[i] = byte(random.Uint32())
		}
		r.Handle(time.Now(), batch(packet))
	}
	s := r.Stats()
	if len(w.packets) != 0 || o.seen != 0 || total(s, outcome.Duplicate) != 0 {
		t.Errorf("garbage was sent (%d) or observed (%d)", len(w.packets), o.seen)
	}
	if got := s.Received[0] + s.Received[1] + s.Received[2]; got != 5000 {
		t.Errorf("%d of 5000 received", got)
	}
	laws(t, s)
}

// silent is a transport, an observer and a watcher that cost nothing.
type silent struct{}

func (silent) Send(_ time.Time, _ []classify.Message, results []transport.Result) {
	for i := range results {
		results[i] = transport.Sent
	}
}
func (silent) Observe(*classify.Message, [6]byte) {}

func (silent) Received(*classify.Message, classify.Verdict, outcome.Outcome) {}

func TestHandleDoesNotAllocate(t *testing.T) {
	r := New(silent{}, silent{}, silent{}, Settings{Policy: classifytest.Policy(), Limits: limits(1e9, 2e9)})
	var b []capture.Packet
	for _, c := range classifytest.Corpus() {
		b = append(b, capture.Packet{Data: c.Packet})
	}
	now := time.Now()
	if n := testing.AllocsPerRun(100, func() {
		now = now.Add(time.Second)
		r.Handle(now, b)
	}); n != 0 {
		t.Errorf("a batch allocates %v times", n)
	}
}

// A message that the transport queues has no outcome until it is done, and then
// one; its copy in the queue is told to the watcher.
func TestQueued(t *testing.T) {
	for result, want := range map[transport.Result]outcome.Outcome{
		transport.Sent: outcome.Relayed, transport.Failed: outcome.SendFailed,
	} {
		r, w, _ := testRelay(Settings{})
		w.result = transport.Queued
		r.Handle(time.Now(), batch(flows(1)...))
		s := r.Stats()
		if n := s.Verdicts[classify.IPv4][classify.Eligible]; n != 1 {
			t.Fatalf("%d eligible", n)
		}
		for o := range outcome.NumOutcomes {
			if n := total(s, o); n != 0 {
				t.Errorf("%v: %d before it is done", o, n)
			}
		}
		r.Done(time.Now(), &classify.Message{Family: classify.IPv4}, result)
		if n := total(r.Stats(), want); n != 1 {
			t.Errorf("%v: %d %v", result, n, want)
		}
		laws(t, r.Stats())
	}
}

func BenchmarkHandle(b *testing.B) {
	for _, size := range []int{28, 528, 1232} {
		b.Run(map[int]string{28: "quote=28", 528: "quote=528", 1232: "quote=1232"}[size], func(b *testing.B) {
			r := New(silent{}, silent{}, silent{}, Settings{Policy: classifytest.Policy(), Limits: limits(1e9, 2e9)})
			var packets [][]byte
			for i := range capture.MaxBatch {
				packets = append(packets, classifytest.PTB{ClientPort: uint16(1000 + i), QuoteBytes: size}.Bytes())
			}
			messages, now := batch(packets...), time.Now()
			for b.Loop() {
				now = now.Add(11 * time.Second) // nothing is a duplicate
				r.Handle(now, messages)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(messages)), "ns/message")
		})
	}
}

// delivered has a number of its own for each count of IPv6.
func delivered() (s deliver.Stats) {
	const f = classify.IPv6
	s.Received[f] = 9
	for v := range s.Verdicts[f] {
		s.Verdicts[f][v] = 100 + uint64(v)
	}
	for d := range s.Deliveries[f] {
		s.Deliveries[f][d] = 200 + uint64(d)
	}
	for r := range s.Applied[f] {
		s.Applied[f][r] = 300 + uint64(r)
	}
	return s
}

// datagrams has a number of its own for each count.
func datagrams() (d transport.Datagrams) {
	for t := range d {
		for r := range d[t] {
			d[t][r] = uint64(1000 + 10*t + r)
		}
	}
	return d
}

// The collector's output is what dashboards and alerts rely on: names, labels
// and values, each count of its own.
func TestCollector(t *testing.T) {
	r, _, _ := testRelay(Settings{Limits: limits(1, 6)})
	packets := flows(5) // three relayed, two limited
	packets = append(packets, packets[0], []byte{0x45}, classifytest.PTB{Family: classify.IPv6, MTU: 1000}.Bytes())
	r.Handle(time.Now(), batch(packets...))
	var reload Reload
	reload.Succeeded(time.Unix(1700000000, 0))
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(NewCollector(Sources{
		Relay:         r,
		Capture:       func() capture.Stats { return capture.Stats{Overrun: 3, Gap: 4} },
		Transport:     func() transport.Stats { return transport.Stats{Copies: 5, Errors: 6} },
		TransportName: "broadcast",
		Rules:         func() (rules.Stats, bool) { return rules.Stats{Guarded: 7, Reinstalled: 8}, true },
		Reload:        &reload,
		Deliver:       delivered,
		Datagrams:     datagrams,
		Peers:         func() PeerCounts { return PeerCounts{{21, 22, 23}, {24, 25, 26}, {27, 28, 29}} },
	}))
	golden(t, registry, "testdata/metrics.txt")

	reload.Failed()
	s := r.Settings()
	s.Paused = true
	r.Apply(s)
	for name, want := range map[string]float64{
		"ptbrelay_paused":                          1,
		"ptbrelay_config_reload_success":           0,
		"ptbrelay_config_reload_timestamp_seconds": 1700000000,
	} {
		if got := gathered(t, registry, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// golden compares all series but the latencies with a file, and those by their
// number.
func golden(t *testing.T, g prometheus.Gatherer, path string) {
	t.Helper()
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, f := range families {
		if f.GetName() == "ptbrelay_relay_latency_seconds" {
			if n := f.GetMetric()[0].GetHistogram().GetSampleCount(); n != 3 {
				t.Errorf("%d latencies observed, want one for each of 3 relayed", n)
			}
			continue
		}
		if _, err := expfmt.MetricFamilyToText(&got, f); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s:\n%s", path, diff)
	}
}

// gathered is the value of a metric that has one series.
func gathered(t *testing.T, g prometheus.Gatherer, name string) float64 {
	t.Helper()
	found, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.GetName() == name && len(f.GetMetric()) == 1 {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	t.Fatalf("no single series of %s", name)
	return 0
}
