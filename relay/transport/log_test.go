package transport

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
)

// records is a log handler that keeps "LEVEL interface" of each line.
type records struct {
	mu    sync.Mutex
	lines []string
}

func (r *records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *records) WithGroup(string) slog.Handler            { return r }

func (r *records) Handle(_ context.Context, line slog.Record) error {
	text := line.Level.String()
	line.Attrs(func(a slog.Attr) bool {
		if a.Key == "interface" {
			text += " " + a.Value.String()
		}
		return true
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, text)
	return nil
}

func (r *records) check(t *testing.T, when string, want ...string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.lines, want) {
		t.Errorf("%s: log %q, want %q", when, r.lines, want)
	}
}
