package logs

import (
	"bytes"
	"io"
	"sync"
	"time"
)

const (
	// room bounds the lines that wait for their reader, in bytes: about a thousand.
	room = 256 << 10
	// flushTime is what the reader of the log gets at the end.
	flushTime = 500 * time.Millisecond
)

// queue is between those who log and a reader who may be slow or stuck. Who writes
// to it never waits for him: a line that finds no room is lost and counted.
type queue struct {
	out  io.Writer
	told func(lines int) // told of lines that were lost, when what waited before is written
	done chan struct{}   // closed when all is written after close

	mu      sync.Mutex
	more    sync.Cond // one of the next three has changed
	waiting []byte    // whole lines
	lost    int       // lines, after those that wait
	closed  bool
}

// startQueue writes to out what is written to it, from one goroutine.
func startQueue(out io.Writer, told func(lines int)) *queue {
	q := &queue{out: out, told: told, done: make(chan struct{})}
	q.more.L = &q.mu
	go q.run()
	return q
}

// Write takes one line, or loses it. There is never an error.
func (q *queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting)+len(line) > room {
		q.lost++
	} else {
		q.waiting = append(q.waiting, line...)
	}
	q.more.Signal()
	return len(line), nil
}

func (q *queue) run() {
	defer close(q.done)
	var lines []byte
	untold := 0
	for {
		var lost int
		if lines, lost = q.take(lines[:0]); len(lines)+lost == 0 {
			return
		}
		untold += lost
		if n, err := q.out.Write(lines); err != nil {
			untold += bytes.Count(lines[n:], []byte("\n"))
			continue // until there are more, for to tell would fail as well
		}
		if untold > 0 {
			q.told(untold)
			untold = 0
		}
	}
}

// take waits for lines and exchanges their buffer for an empty one. It returns nothing
// when the queue is closed and empty.
func (q *queue) take(empty []byte) (lines []byte, lost int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting)+q.lost == 0 && !q.closed {
		q.more.Wait()
	}
	lines, q.waiting = q.waiting, empty
	lost, q.lost = q.lost, 0
	return lines, lost
}

// close waits until all is written; false: nobody reads it.
func (q *queue) close() bool {
	q.mu.Lock()
	q.closed = true
	q.more.Signal()
	q.mu.Unlock()
	patience := time.NewTimer(flushTime)
	defer patience.Stop()
	select {
	case <-q.done:
		return true
	case <-patience.C:
		return false
	}
}
