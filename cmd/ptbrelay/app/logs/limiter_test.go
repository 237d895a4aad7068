package logs

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// textLog is what a log has written.
type textLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *textLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// take takes its lines.
func (l *textLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := slices.Collect(strings.Lines(l.text.String()))
	l.text.Reset()
	return lines
}

// limitedLog is a log with limits, and what it writes, without times.
func limitedLog() (*slog.Logger, *limits, *textLog) {
	out := new(textLog)
	direct := slog.NewTextHandler(out, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})
	limits := newLimits(slog.New(direct))
	return slog.New(limiter{direct, limits}), limits, out
}

// Of one message some lines are written, then sums, until there was a calm. Others do
// not suffer.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, limits, out := limitedLog()
		defer limits.close()
		later := func() {
			<-time.After(window)
			synctest.Wait()
		}
		flood := func(lines int) {
			for i := range lines {
				log.With("source", "test").Info("peer", "n", i)
			}
		}
		const sum = "level=INFO msg=\"more lines like this were left out\" like=peer lines=%d\n"
		flood(1000)
		log.Warn("other")
		if got := out.take(); len(got) != mostLines+1 || got[0] != "level=INFO msg=peer source=test n=0\n" || got[mostLines] != "level=WARN msg=other\n" {
			t.Fatalf("%d lines: %s", len(got), got)
		}
		later()
		if got := out.take(); !slices.Equal(got, []string{fmt.Sprintf(sum, 1000-mostLines)}) {
			t.Errorf("after a window: %s", got)
		}
		flood(7)
		if got := out.take(); len(got) > 0 {
			t.Errorf("while it goes on: %s", got)
		}
		later()
		if got := out.take(); !slices.Equal(got, []string{fmt.Sprintf(sum, 7)}) {
			t.Errorf("after another window: %s", got)
		}
		later() // a calm
		flood(1)
		if got := out.take(); !slices.Equal(got, []string{"level=INFO msg=peer source=test n=0\n"}) {
			t.Errorf("after a calm: %s", got)
		}
	})
}

// Messages that name whoever connects cannot be many, and take no more memory.
func TestLimitsOfManyMessages(t *testing.T) {
	log, limits, out := limitedLog()
	for i := range 10_000 {
		log.Warn(fmt.Sprintf("TLS handshake error from 203.0.113.9:%d", i))
	}
	const most = maxMessages + mostLines
	if got := out.take(); len(got) != most || len(limits.messages) > maxMessages+1 {
		t.Errorf("%d lines, want %d; %d messages", len(got), most, len(limits.messages))
	}
	limits.close()
	want := fmt.Sprintf("level=WARN msg=\"more lines like this were left out\" like=(various) lines=%d\n", 10_000-most)
	if got := out.take(); !slices.Equal(got, []string{want}) {
		t.Errorf("at the end %q, want %q", got, want)
	}
}

// Debug lines are bounded together, so that theirs hide no others.
func TestLimitsAtDebug(t *testing.T) {
	log, limits, out := limitedLog()
	for i := range 10_000 {
		log.Debug(fmt.Sprintf("TLS handshake error from 203.0.113.9:%d", i))
	}
	log.Info("peer")
	if got := out.take(); len(got) != mostDebugLines+1 || got[mostDebugLines] != "level=INFO msg=peer\n" {
		t.Errorf("%d lines", len(got))
	}
	limits.close()
	want := fmt.Sprintf("level=DEBUG msg=\"more lines like this were left out\" like=(debug) lines=%d\n", 10_000-mostDebugLines)
	if got := out.take(); !slices.Equal(got, []string{want}) {
		t.Errorf("at the end %q, want %q", got, want)
	}
}

// A sum is as severe as the worst line that it stands for.
func TestLimitsKeepTheLevel(t *testing.T) {
	log, limits, out := limitedLog()
	for range mostLines + 1 {
		log.Info("x")
	}
	log.Error("x")
	log.Info("x")
	out.take()
	limits.close()
	if got := out.take(); len(got) != 1 || !strings.HasPrefix(got[0], "level=ERROR ") {
		t.Errorf("%s", got)
	}
}
