package app

import (
	"errors"
	"io"
	"log/slog"
	"os/signal"

	"golang.org/x/sys/unix"

	"ptbrelay/config"
)

// logger is the log of a daemon. Nobody who writes to it waits: what nobody reads in
// time is dropped, and then that is said.
type logger struct {
	*slog.Logger
	level  *logLevel
	limits *logLimits
	queue  *logQueue
}

// openLog writes to w as the configuration says. The level can be changed later.
func openLog(w io.Writer, c config.Log) *logger {
	// A daemon goes on when the program that read its log has ended.
	signal.Ignore(unix.SIGPIPE)
	level := newLogLevel(c.Level.Slog())
	direct := slog.New(newLogHandler(w, c.Format, level, toJournal(w)))
	queue := startLogQueue(w, func(lines int) {
		direct.Warn("log lines were lost: they came faster than they were read; see what keeps the reader", "lines", lines)
	})
	queued := newLogHandler(queue, c.Format, level, toJournal(w))
	limits := newLogLimits(slog.New(queued))
	return &logger{slog.New(logLimiter{queued, limits}), level, limits, queue}
}

// newLogHandler writes each record as one line, in one call. Where the journal stamps
// lines we do not, and begin each with its priority.
func newLogHandler(w io.Writer, f config.Format, l slog.Leveler, journal bool) slog.Handler {
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

// close writes what waits, and returns the error that is left to say. Where nobody
// reads, that is none: who restarts a daemon waits for its end.
func (l *logger) close(err error) error {
	l.limits.close()
	if l.queue.close() || err == nil {
		return err
	}
	silent := exitError{code: exitFailure}
	if errors.As(err, &silent) {
		silent.err = nil
	}
	return silent
}
