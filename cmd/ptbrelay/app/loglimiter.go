package app

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// logLines is how many lines with one message are written in a logWindow. Further
	// ones are summed up at its end, and from then on at the end of each window, until
	// one has passed without any.
	logLines  = 120
	logWindow = time.Minute
	// logDebugLines is that of all debug lines together: twice what refused messages
	// take at most.
	logDebugLines = 1200
	// maxLogMessages is how many messages are told apart. Ours are fewer; those of
	// libraries may name whoever connects.
	maxLogMessages = 128
	// otherMessages stands for messages beyond that, debugMessages for those of debug
	// lines, which must not take the places of others.
	otherMessages = "(various)"
	debugMessages = "(debug)"
)

// logLimiter keeps a thousand peers behind one broken link from filling the disk.
type logLimiter struct {
	slog.Handler
	limits *logLimits
}

// Handle implements [slog.Handler].
func (l logLimiter) Handle(ctx context.Context, r slog.Record) error {
	if !l.limits.admit(r.Message, r.Level) {
		return nil
	}
	return l.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (l logLimiter) WithAttrs(a []slog.Attr) slog.Handler {
	return logLimiter{l.Handler.WithAttrs(a), l.limits}
}

// WithGroup implements [slog.Handler].
func (l logLimiter) WithGroup(name string) slog.Handler {
	return logLimiter{l.Handler.WithGroup(name), l.limits}
}

// logLimits is what a logLimiter and those made of it share.
type logLimits struct {
	log *slog.Logger // not limited: for the sums

	mu       sync.Mutex
	messages map[string]*logQuota
}

// logQuota is what was logged of one message in a window.
type logQuota struct {
	lines int
	held  int        // not written, and not told yet
	level slog.Level // of what is held, the highest
	over  *time.Timer
}

func newLogLimits(log *slog.Logger) *logLimits {
	return &logLimits{log: log, messages: make(map[string]*logQuota)}
}

// admit reports whether a line is to be written.
func (l *logLimits) admit(message string, level slog.Level) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	most := logLines
	if level <= slog.LevelDebug {
		message, most = debugMessages, logDebugLines
	}
	q := l.quota(message)
	if q.lines < most {
		q.lines++
		return true
	}
	if q.held == 0 || level > q.level {
		q.level = level
	}
	q.held++
	return false
}

func (l *logLimits) quota(message string) *logQuota {
	q, ok := l.messages[message]
	if !ok && len(l.messages) >= maxLogMessages {
		message = otherMessages
		q, ok = l.messages[message]
	}
	if !ok {
		q = &logQuota{over: time.AfterFunc(logWindow, func() { l.windowOver(message) })}
		l.messages[message] = q
	}
	return q
}

// windowOver forgets a message, or tells how many lines of it were held and holds
// those of the next window too.
func (l *logLimits) windowOver(message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q, ok := l.messages[message]
	switch {
	case !ok: // closed
	case q.held == 0:
		delete(l.messages, message)
	default:
		l.tell(message, q)
		q.over.Reset(logWindow)
	}
}

func (l *logLimits) tell(message string, q *logQuota) {
	l.log.Log(context.Background(), q.level, "more lines like this were left out", "like", message, "lines", q.held)
	q.held = 0
}

// close tells what was held.
func (l *logLimits) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for message, q := range l.messages {
		q.over.Stop()
		if q.held > 0 {
			l.tell(message, q)
		}
	}
	clear(l.messages)
}
