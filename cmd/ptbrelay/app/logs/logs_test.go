package logs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/config"
)

// logged is what a log with a level writes, to the journal or not.
func logged(t *testing.T, journal bool, c config.Log, say func(*Log)) string {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stream := "8:12345" // redirected from it
	if journal {
		var st unix.Stat_t
		if err := unix.Fstat(int(file.Fd()), &st); err != nil {
			t.Fatal(err)
		}
		stream = fmt.Sprintf("%d:%d", st.Dev, st.Ino)
	}
	t.Setenv("JOURNAL_STREAM", stream)
	l := Open(file, c)
	say(l)
	if !l.Close() {
		t.Fatal("nobody read it")
	}
	b, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Where the journal stamps lines we do not, and it learns how severe each is; what is
// named time elsewhere stays.
func TestForms(t *testing.T) {
	for _, format := range []config.Format{config.FormatText, config.FormatJSON} {
		for _, journal := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s journal=%v", format, journal), func(t *testing.T) {
				line := logged(t, journal, config.Log{Level: config.LevelInfo, Format: format}, func(l *Log) {
					l.Info("hello", slog.Group("request", "time", "now"))
				})
				line, prefixed := strings.CutPrefix(line, "<6>")
				has := strings.HasPrefix(line, "time=")
				want := []string{"level=INFO", "msg=hello", "request.time=now"}
				if format == config.FormatJSON {
					var fields map[string]any
					if err := json.Unmarshal([]byte(line), &fields); err != nil {
						t.Fatalf("%q: %v", line, err)
					}
					_, has = fields["time"]
					want = []string{`"level":"INFO"`, `"msg":"hello"`, `"request":{"time":"now"}`}
				}
				if has == journal || prefixed != journal {
					t.Errorf("stamped %v, with priority %v: %s", has, prefixed, line)
				}
				for _, w := range want {
					if !strings.Contains(line, w) {
						t.Errorf("no %s in %s", w, line)
					}
				}
			})
		}
	}
}

// The journal learns the priority of every line, whatever Log wrote it.
func TestPriorities(t *testing.T) {
	for _, format := range []config.Format{config.FormatText, config.FormatJSON} {
		text := logged(t, true, config.Log{Level: config.LevelDebug, Format: format}, func(l *Log) {
			for _, log := range []*slog.Logger{l.Logger, l.With("peer", 1), l.WithGroup("of")} {
				log.Error("e", "a", 1)
				log.Warn("w", "a", 1)
				log.Info("i", "a", 1)
				log.Debug("d", "a", 1)
			}
		})
		got := ""
		for line := range strings.Lines(text) {
			got += line[:3]
		}
		if want := strings.Repeat("<3><4><6><7>", 3); got != want {
			t.Errorf("%s: %s, want %s, of\n%s", format, got, want, text)
		}
	}
}

// What an event says may have lines; it is one line all the same, so that none of its
// text can look like another event.
func TestOneLine(t *testing.T) {
	const evil = "a\nb\r\n<3>level=ERROR msg=forged\x00\u2028"
	for _, format := range []config.Format{config.FormatText, config.FormatJSON} {
		for _, journal := range []bool{false, true} {
			text := logged(t, journal, config.Log{Level: config.LevelInfo, Format: format}, func(l *Log) {
				l.With(evil, evil).WithGroup(evil).Info(evil, evil, evil, "err", errors.New(evil), "many", []string{evil}, "any", struct{ A string }{evil})
			})
			if strings.Count(text, "\n") != 1 || strings.ContainsAny(text, "\r\x00") || !strings.HasSuffix(text, "\n") {
				t.Errorf("%s, journal %v: %q", format, journal, text)
			}
		}
	}
}

// The level holds from the start and can be changed while the log is in use.
func TestLevel(t *testing.T) {
	levels := []config.Level{config.LevelDebug, config.LevelInfo, config.LevelWarn, config.LevelError}
	say := func(log *Log) {
		for _, l := range levels {
			log.Log(t.Context(), l.Slog(), string(l))
		}
	}
	for i, l := range levels {
		for _, f := range []config.Format{config.FormatText, config.FormatJSON} {
			text := logged(t, false, config.Log{Level: l, Format: f}, func(log *Log) {
				say(log)
				log.Level.Set(config.LevelError.Slog())
				say(log)
			})
			if got, want := strings.Count(text, "\n"), len(levels)-i+1; got != want {
				t.Errorf("%s %s, then error: %d lines, want %d\n%s", f, l, got, want, text)
			}
		}
	}
}

// Where the journal reads, each line begins with its priority, and elsewhere with
// nothing.
func TestPrefix(t *testing.T) {
	for journal, want := range map[bool]string{false: "", true: "<3>"} {
		got := logged(t, journal, config.Log{}, func(l *Log) {
			_, _ = io.WriteString(l.queue.out, Prefix(l.queue.out, slog.LevelError))
		})
		if got != want {
			t.Errorf("journal %v: %q, want %q", journal, got, want)
		}
	}
}

// Who ends while nobody reads its log ends in time, and knows it.
func TestCloseUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read, write := io.Pipe()
		defer read.Close()
		stuck := Open(write, config.Log{})
		stuck.Info("nobody reads this")
		begun := time.Now()
		if stuck.Close() {
			t.Error("it says that all was read")
		}
		if took := time.Since(begun); took != flushTime {
			t.Errorf("it took %v", took)
		}
	})
}
