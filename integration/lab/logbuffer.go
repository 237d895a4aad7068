//go:build linux

package lab

import (
	"io"
	"sync"
)

// logLimit bounds what is kept of a process's output, in bytes.
const logLimit = 256 << 10

// logBuffer keeps the tail of what is written to it and copies it on.
type logBuffer struct {
	mu   sync.Mutex
	data []byte
	next io.Writer
}

func newLogBuffer(next io.Writer) *logBuffer { return &logBuffer{next: next} }

// Write never fails: a reader that is gone must not stop the process.
func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.data = append(b.data, p...)
	if len(b.data) > 2*logLimit {
		b.data = append(b.data[:0], b.data[len(b.data)-logLimit:]...)
	}
	if b.next != nil {
		_, _ = b.next.Write(p)
	}
	return len(p), nil
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.data[max(0, len(b.data)-logLimit):])
}
