package logs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// isJournal reports whether w is the stream that the journal reads and stamps:
// JOURNAL_STREAM names its device and inode (systemd.exec(5)).
func isJournal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return false
	}
	return os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// Prefix is what a line of this level begins with on w: its priority where w is the
// journal's stream, else nothing.
func Prefix(w io.Writer, l slog.Level) string {
	if !isJournal(w) {
		return ""
	}
	return priority(l)
}

// priority is what a line for the journal begins with (sd-daemon(3)).
func priority(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "<3>"
	case l >= slog.LevelWarn:
		return "<4>"
	case l >= slog.LevelInfo:
		return "<6>"
	}
	return "<7>"
}

// journalHandler begins each line with its priority.
type journalHandler struct {
	slog.Handler // writes to lines
	lines        *journalLines
}

// journalLines is what the lines of a journalHandler and of those made of it go
// through, one at a time.
type journalLines struct {
	out io.Writer

	mu   sync.Mutex
	line []byte // begins with the priority of the record at hand
}

// Handle implements [slog.Handler].
func (h journalHandler) Handle(ctx context.Context, r slog.Record) error {
	h.lines.mu.Lock()
	defer h.lines.mu.Unlock()
	h.lines.line = append(h.lines.line[:0], priority(r.Level)...)
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h journalHandler) WithAttrs(a []slog.Attr) slog.Handler {
	return journalHandler{h.Handler.WithAttrs(a), h.lines}
}

// WithGroup implements [slog.Handler].
func (h journalHandler) WithGroup(name string) slog.Handler {
	return journalHandler{h.Handler.WithGroup(name), h.lines}
}

// Write implements [io.Writer], for the handler that Handle calls.
func (l *journalLines) Write(line []byte) (int, error) {
	l.line = append(l.line, line...)
	return l.out.Write(l.line)
}
