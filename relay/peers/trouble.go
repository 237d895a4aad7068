package peers

import (
	"context"
	"log/slog"
)

// trouble logs a failure when it begins or becomes another one, and when it has
// ended, however often it is seen between.
type trouble struct {
	log   *slog.Logger
	level slog.Level
	kind  string // empty: none
}

func (t *trouble) begin(kind, message string, args ...any) {
	if t.kind != kind {
		t.log.Log(context.Background(), t.level, message, args...)
	}
	t.kind = kind
}

func (t *trouble) end(message string, args ...any) {
	if t.kind != "" {
		t.log.Info(message, args...)
	}
	t.kind = ""
}
