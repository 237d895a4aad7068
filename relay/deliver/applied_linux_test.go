package deliver

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/audit/host"
	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/relay/outcome"
)

// Each result has its cause. Flows of others are none.
func TestResults(t *testing.T) {
	s := newSite(t, lab.VIPOnLoopback)
	for _, f := range families {
		t.Run(f.String(), func(t *testing.T) {
			s.t = t
			r := receive(t, s.server, settings())
			r.checkGets(ptb(s.flow(classify.TCP, f), 0), outcome.Injected)
			r.checkGets(ptb(s.flow(classify.UDP, f), 0), outcome.Injected)

			// Not about anything that the connection has sent.
			forged := s.connects(classify.TCP, f)
			forged.sequence += 1 << 30
			r.checkGets(forged.ptb(), outcome.Injected)

			gone := s.connects(classify.TCP, f)
			gone.sequence += 1 << 30
			r.checkGets(gone.ptb(), outcome.Injected)
			must(t, unix.SetsockoptLinger(gone.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
			gone.Close()

			// Another socket takes its place.
			client := netip.AddrPortFrom(s.ClientAddr(labFamily(f), 1), port)
			first := s.bound(classify.MakeFlow(classify.UDP, netip.AddrPortFrom(s.vip(f), port), client))
			r.checkGets(first.ptb(), outcome.Injected)
			first.Close()
			second := s.bound(first.flow)

			// Sockets of this protocol are not shown.
			r.checkGets(ptb(s.flow(classify.SCTP, f), 0), outcome.Injected)

			r.runs()
			r.awaitResults(f, [NumResults]uint64{Ignored: 1, Unknown: 3})
			forged.checkMTU(1500)
			second.Close()

			learned := s.connects(classify.UDP, f)
			r.checkGets(learned.ptb(), outcome.Injected)
			r.awaitResults(f, [NumResults]uint64{Applied: 1, Ignored: 1, Unknown: 3})
			larger := classifytest.PTB{
				Family: f, VIP: s.vip(f), Client: learned.flow.Client(), Protocol: classify.UDP,
				ClientPort: learned.flow.ClientPort(), MTU: reported + 50,
			}
			r.checkGets(larger.Bytes(), outcome.Injected)
			r.awaitResults(f, [NumResults]uint64{Applied: 1, Unchanged: 1, Ignored: 1, Unknown: 3})
		})
	}
}

// The sample is bounded in each second, and so are the questions that find no
// owner here.
func TestSampleIsBounded(t *testing.T) {
	s := newSite(t, lab.VIPOnLoopback)
	r := receive(t, s.server, settings())
	o := s.bound(s.flow(classify.UDP, classify.IPv4))
	sampled := func(at time.Duration, n int, packet func() []byte) (chosen int) {
		for range n {
			m, _ := r.decoder.Decode(packet())
			if _, ok := r.sampler.choose(int64(at), m, host.Socket{}, unasked); ok {
				chosen++
			}
		}
		return chosen
	}
	foreign := func() []byte { return ptb(s.flow(classify.TCP, classify.IPv4), 0) }
	for _, c := range []struct {
		at   time.Duration
		what string
		ask  func() []byte
		n    int
		want int
	}{
		{1000 * time.Millisecond, "owned", o.ptb, 100, samplesPerSecond},
		{1999 * time.Millisecond, "owned", o.ptb, 100, 0},
		{2000 * time.Millisecond, "owned", o.ptb, 10, 10},
		{2100 * time.Millisecond, "foreign", foreign, 100, 0},
		{2200 * time.Millisecond, "owned", o.ptb, 10, 10},
		{3000 * time.Millisecond, "foreign", foreign, lookupsPerSecond, 0},
		{3999 * time.Millisecond, "owned", o.ptb, 10, 0},
		{4000 * time.Millisecond, "owned", o.ptb, 10, 10},
	} {
		if got := sampled(c.at, c.n, c.ask); got != c.want {
			t.Errorf("after %v: %d of %d %s flows are sampled, want %d", c.at, got, c.n, c.what, c.want)
		}
	}
}

// Samples that nobody reads are given up, and nobody waits for that.
func TestReadingsAreBounded(t *testing.T) {
	s := newSite(t, lab.VIPOnLoopback)
	r := receive(t, s.server, settings())
	for range 10 * mostReadings {
		r.readings.add(sample{family: classify.IPv4})
	}
	if got := r.Stats().Applied[classify.IPv4]; got != [NumResults]uint64{} {
		t.Errorf("%d results of samples that were not read", got)
	}
}

// The names are metric labels that dashboards and alerts rely on.
func TestNames(t *testing.T) {
	want := []string{"applied", "unchanged", "ignored", "unknown"}
	if len(want) != int(NumResults) {
		t.Fatalf("%d names for %d results", len(want), NumResults)
	}
	for i, name := range want {
		if got := Result(i).String(); got != name {
			t.Errorf("result %d is called %q, want %q", i, got, name)
		}
	}
	if got := NumResults.String(); got != "invalid" {
		t.Errorf("a result out of range is called %q", got)
	}
}
