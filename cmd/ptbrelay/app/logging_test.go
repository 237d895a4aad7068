package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ptbrelay/config"
)

// Where the journal stamps lines we do not; what is named time elsewhere stays.
func TestLogTime(t *testing.T) {
	for _, c := range []struct {
		name, journal string // the word "ours" stands for the file itself
		format        config.Format
		stamped       bool
	}{
		{"text", "", config.FormatText, true},
		{"JSON", "", config.FormatJSON, true},
		{"text to the journal", "ours", config.FormatText, false},
		{"JSON to the journal", "ours", config.FormatJSON, false},
		{"redirected from the journal", "8:12345", config.FormatText, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			file, err := os.CreateTemp(t.TempDir(), "log")
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if c.journal == "ours" {
				var st unix.Stat_t
				if err := unix.Fstat(int(file.Fd()), &st); err != nil {
					t.Fatal(err)
				}
				c.journal = fmt.Sprintf("%d:%d", st.Dev, st.Ino)
			}
			t.Setenv("JOURNAL_STREAM", c.journal)
			log, _ := newLogger(file, config.Log{Level: config.LevelInfo, Format: c.format})
			log.Info("hello", slog.Group("request", "time", "now"))
			b, err := os.ReadFile(file.Name())
			if err != nil {
				t.Fatal(err)
			}
			line := string(b)
			has := strings.HasPrefix(line, "time=")
			want := []string{"level=INFO", "msg=hello", "request.time=now"}
			if c.format == config.FormatJSON {
				var fields map[string]any
				if err := json.Unmarshal(b, &fields); err != nil {
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
