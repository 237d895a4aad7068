package integration

import (
	"context"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/capture"
	"ptbrelay/relay/rules"
)

// Capture ends when told to, though messages come faster than they are handled
// and, as with rules.manage false, go on coming.
func TestCaptureStopsWhileOverrun(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	const group = 33
	var source *capture.NFLOG
	err := l.Servers[0].Do(func() (err error) {
		if source, err = capture.OpenNFLOG(capture.NFLOGConfig{Group: group, Buffer: 1 << 20}); err != nil {
			return err
		}
		table, err := rules.Install(rules.Config{Group: group, Guard: 1e9}, slog.New(slog.DiscardHandler))
		if err == nil {
			t.Cleanup(func() { _ = table.Close() })
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = source.Close() }()

	rain := startFlood(t, l, 0)
	slow := func(time.Time, []capture.Packet) { // four times as many come as are handled
		for until := rain.Sent() + 4*capture.MaxBatch; rain.Sent() < until && rain.Running(); {
			runtime.Gosched()
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- source.Run(ctx, slow) }()
	labtest.Eventually(t, 10*time.Second, "messages are lost", func() error {
		if source.Stats().Overrun == 0 {
			return errNotYet
		}
		return nil
	})
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Second):
		t.Error("Run goes on a second after its context ended")
		rain.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
