package logs

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// mostLines is how many lines with one message are written in a window. Further
	// ones are summed up at its end, and from then on at the end of each window, until
	// one has passed without any.
	mostLines = 120
	window    = time.Minute
	// mostDebugLines is that of all debug lines together: twice what refused messages
	// take at most.
	mostDebugLines = 1200
	// maxMessages is how many messages are told apart. Ours are fewer; those of
	// libraries may name whoever connects.
	maxMessages = 128
	// otherMessages stands for messages beyond that, debugMessages for those of debug
	// lines, which must not take the places of others.
	otherMessages = "(various)"
	debugMessages = "(debug)"
)

// limiter keeps a thousand peers behind one broken link from filling the disk.
type limiter struct {
	slog.Handler
	limits *limits
}

// Handle implements [slog.Handler].
func (l limiter) Handle(ctx context.Context, r slog.Record) error {
	if !l.limits.admit(r.Message, r.Level) {
		return nil
	}
	return l.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (l limiter) WithAttrs(a []slog.Attr) slog.Handler {
	return limiter{l.Handler.WithAttrs(a), l.limits}
}

// WithGroup implements [slog.Handler].
func (l limiter) WithGroup(name string) slog.Handler {
	return limiter{l.Handler.WithGroup(name), l.limits}
}

// limits is what a limiter and those made of it share.
type limits struct {
	log *slog.Logger // not limited: for the sums

	mu       sync.Mutex
	messages map[string]*quota
}

// quota is what was logged of one message in a window.
type quota struct {
	lines int
	held  int        // not written, and not told yet
	level slog.Level // of what is held, the highest
	over  *time.Timer
}

func newLimits(log *slog.Logger) *limits {
	return &limits{log: log, messages: make(map[string]*quota)}
}

// admit reports whether a line is to be written.
func (l *limits) admit(message string, level slog.Level) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	most := mostLines
	if level <= slog.LevelDebug {
		message, most = debugMessages, mostDebugLines
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

func (l *limits) quota(message string) *quota {
	q, ok := l.messages[message]
	if !ok && len(l.messages) >= maxMessages {
		message = otherMessages
		q, ok = l.messages[message]
	}
	if !ok {
		q = &quota{over: time.AfterFunc(window, func() { l.windowOver(message) })}
		l.messages[message] = q
	}
	return q
}

// windowOver forgets a message, or tells how many lines of it were held and holds
// those of the next window too.
func (l *limits) windowOver(message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q, ok := l.messages[message]
	switch {
	case !ok: // closed
	case q.held == 0:
		delete(l.messages, message)
	default:
		l.tell(message, q)
		q.over.Reset(window)
	}
}

func (l *limits) tell(message string, q *quota) {
	l.log.Log(context.Background(), q.level, "more lines like this were left out", "like", message, "lines", q.held)
	q.held = 0
}

// close tells what was held.
func (l *limits) close() {
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
