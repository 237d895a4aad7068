// Package logs is the log of a daemon: lines or JSON, with priorities for the journal,
// bounded in what floods and findings may write, and never in the way of who writes.
package logs

import (
	"io"
	"log/slog"
	"os/signal"

	"golang.org/x/sys/unix"

	"ptbrelay/config"
)

// Log is the log of a daemon. Nobody who writes to it waits: what nobody reads in time
// is dropped, and then that is said.
type Log struct {
	*slog.Logger
	Level  *Level // may be changed while the log is in use
	limits *limits
	queue  *queue
}

// Open writes to w as the configuration says, until Close. From then on the process
// ignores SIGPIPE.
func Open(w io.Writer, c config.Log) *Log {
	// A daemon goes on when the program that read its log has ended.
	signal.Ignore(unix.SIGPIPE)
	level := newLevel(c.Level.Slog())
	direct := slog.New(newHandler(w, c.Format, level, isJournal(w)))
	queue := startQueue(w, func(lines int) {
		direct.Warn("log lines were lost: they came faster than they were read; see what keeps the reader", "lines", lines)
	})
	queued := newHandler(queue, c.Format, level, isJournal(w))
	limits := newLimits(slog.New(queued))
	return &Log{slog.New(limiter{queued, limits}), level, limits, queue}
}

// newHandler writes each record as one line, in one call. Where the journal stamps
// lines we do not, and begin each with its priority.
func newHandler(w io.Writer, f config.Format, l slog.Leveler, journal bool) slog.Handler {
	o := &slog.HandlerOptions{Level: l}
	if !journal {
		return formatted(w, f, o)
	}
	o.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	lines := &journalLines{out: w}
	return journalHandler{formatted(lines, f, o), lines}
}

func formatted(w io.Writer, f config.Format, o *slog.HandlerOptions) slog.Handler {
	if f == config.FormatJSON {
		return slog.NewJSONHandler(w, o)
	}
	return slog.NewTextHandler(w, o)
}

// Close writes what waits, and reports whether somebody has read it: within half a
// second, for who restarts a daemon waits for its end.
func (l *Log) Close() (read bool) {
	l.limits.close()
	return l.queue.close()
}
