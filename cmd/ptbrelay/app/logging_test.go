package app

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"ptbrelay/config"
)

// Where the journal stamps lines we do not; what is named time elsewhere stays.
func TestLogTime(t *testing.T) {
	for _, c := range []struct {
		name, journal string
		format        config.Format
		stamped       bool
	}{
		{"text", "", config.FormatText, true},
		{"JSON", "", config.FormatJSON, true},
		{"text under systemd", "8:12345", config.FormatText, false},
		{"JSON under systemd", "8:12345", config.FormatJSON, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("JOURNAL_STREAM", c.journal)
			var b bytes.Buffer
			log, _ := newLogger(&b, config.Log{Level: config.LevelInfo, Format: c.format})
			log.Info("hello", slog.Group("request", "time", "now"))
			line := b.String()
			has := strings.HasPrefix(line, "time=")
			want := []string{"level=INFO", "msg=hello", "request.time=now"}
			if c.format == config.FormatJSON {
				var fields map[string]any
				if err := json.Unmarshal(b.Bytes(), &fields); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				_, has = fields["time"]
				want = []string{`"level":"INFO"`, `"msg":"hello"`, `"request":{"time":"now"}`}
			}
			if has != c.stamped {
				t.Errorf("stamped %v: %s", has, line)
			}
			for _, w := range want {
				if !strings.Contains(line, w) {
					t.Errorf("no %s in %s", w, line)
				}
			}
		})
	}
}

// The level holds from the start and can be changed while the log is in use.
func TestLogLevel(t *testing.T) {
	levels := []config.Level{config.LevelDebug, config.LevelInfo, config.LevelWarn, config.LevelError}
	say := func(log *slog.Logger) {
		for _, l := range levels {
			log.Log(t.Context(), l.Slog(), string(l))
		}
	}
	for i, l := range levels {
		for _, f := range []config.Format{config.FormatText, config.FormatJSON} {
			var b bytes.Buffer
			log, level := newLogger(&b, config.Log{Level: l, Format: f})
			say(log)
			if got := strings.Count(b.String(), "\n"); got != len(levels)-i {
				t.Errorf("%s %s: %d lines\n%s", f, l, got, b.String())
			}
			level.Set(config.LevelError.Slog())
			b.Reset()
			say(log)
			if got := strings.Count(b.String(), "\n"); got != 1 {
				t.Errorf("%s %s, then error: %d lines\n%s", f, l, got, b.String())
			}
		}
	}
}
