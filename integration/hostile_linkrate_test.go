package integration

import (
	"runtime"
	"testing"
	"time"

	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// At the highest rate that the lab can send to one server its budget and share
// of the processors hold, its own traffic does not suffer, and capture is whole
// again within a second of the flood's end.
func TestLinkRate(t *testing.T) {
	// No black hole: downloads are the host's own traffic.
	s := besiege(t, attack{servers: []int{0}, spends: true, options: lab.Options{PathMTU: 1500}})
	const (
		measured = 200_000 // PTBs over which rate and processor time are
		least    = 5000    // a second: else it was no flood
	)
	cpu, from := startStopwatch(t, s.relays[0]), s.flood.Sent()
	labtest.Eventually(t, 20*time.Second, "the flood goes on", func() error {
		if s.flood.Sent() < from+measured {
			return errNotYet
		}
		return nil
	})
	share, rate := cpu.share(), s.meter.Rates()[0]
	s.meter.Restart()
	for range 3 {
		allFinished(t, labtest.Downloads(t, s.lab, lab.Load{}))
	}
	s.stop()
	s.checkWholeAgain()
	s.check()

	t.Logf("at %d PTBs a second the daemon took %.2f of %d processors", rate, share, runtime.NumCPU())
	if rate < least {
		t.Errorf("only %d PTBs a second arrived", rate)
	}
	if most := 0.75 * float64(runtime.NumCPU()); share > most {
		t.Errorf("the daemon took %.2f processors, at most %.2f", share, most)
	}
}

// checkWholeAgain checks that within a second of the flood's end a new PTB is
// copied, and that from then on none is lost.
func (s *siege) checkWholeAgain() {
	s.t.Helper()
	const alone = 20 // PTBs sent one after the other
	server := s.lab.Servers[0]
	tap := labtest.Tap(s.t, s.lab.Switch, "br0")
	port := uint16(10_000)
	send := func() {
		port++
		labtest.FromRouter(s.t, s.lab, 0, classifytest.PTB{ClientPort: port}.Bytes())
	}
	labtest.Eventually(s.t, time.Second, "PTBs are copied again", func() error {
		send()
		for _, c := range broadcasts(tap.Frames()) {
			// No forged one is about this client.
			if c.Flow.Client.Addr() == classifytest.Client4 {
				return nil
			}
		}
		return errNotYet
	})
	// They come faster than the budget that the flood has spent refills, so
	// captured is what each must be, not copied.
	lost := sum(metricsOf(s.t, server), "ptbrelay_capture_lost_total")
	for range alone {
		send()
		labtest.Eventually(s.t, time.Second, "a lone PTB is captured", func() error { return s.accounted(0) })
	}
	if n := sum(metricsOf(s.t, server), "ptbrelay_capture_lost_total"); n != lost {
		s.t.Errorf("%v PTBs were lost after the flood", n-lost)
	}
}

// stopwatch measures a process's share of the processors.
type stopwatch struct {
	t       testing.TB
	process *lab.Process
	begin   time.Time
	used    time.Duration // at begin
}

func startStopwatch(t testing.TB, p *lab.Process) *stopwatch {
	t.Helper()
	return &stopwatch{t: t, process: p, begin: time.Now(), used: labtest.ProcessorTime(t, p)}
}

// share is how many processors were busy with the process since the start.
func (w *stopwatch) share() float64 {
	w.t.Helper()
	return (labtest.ProcessorTime(w.t, w.process) - w.used).Seconds() / time.Since(w.begin).Seconds()
}
