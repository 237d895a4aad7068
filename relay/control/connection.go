package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

const (
	// maxRequest is the longest request line in bytes, its end included.
	maxRequest = 4096
	// requestTime is what a client gets to send its request.
	requestTime = 5 * time.Second
	// writeTime is what a client gets to read a line.
	writeTime = 2 * time.Second
	// selftestTime is what a selftest may take, and the wait for another's.
	selftestTime = 30 * time.Second
	// skippedEvery is how often a watcher is told of what could not be shown,
	// where no event tells it.
	skippedEvery = time.Second
)

// connection is one client with one request.
type connection struct {
	server *Server
	conn   net.Conn
}

// serve answers the request and closes the connection.
func (c *connection) serve(ctx context.Context) {
	defer c.conn.Close()
	defer context.AfterFunc(ctx, func() { _ = c.conn.Close() })()
	line, err := c.read()
	if errors.Is(err, io.EOF) {
		return // somebody who looked whether we live
	}
	if err != nil {
		c.fail(err)
		return
	}
	command, filter, err := parseRequest(line)
	if err != nil {
		c.fail(err)
		return
	}
	switch command {
	case commandPause:
		c.answer(Switch{Paused: true, Changed: c.server.daemon.Pause()})
	case commandResume:
		c.answer(Switch{Paused: false, Changed: c.server.daemon.Resume()})
	case commandSnapshot:
		c.answer(c.server.daemon.Snapshot().bounded())
	case commandSelftest:
		c.whileThere(ctx, c.selftest)
	case commandWatch:
		c.whileThere(ctx, func(ctx context.Context) { c.watch(ctx, filter) })
	}
}

// read reads the line of the request; io.EOF: none came.
func (c *connection) read() ([]byte, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(requestTime)); err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(c.conn, maxRequest)
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("the request has more than %d bytes", maxRequest)
	case errors.Is(err, io.EOF) && len(line) > 0:
		return nil, errors.New("the request does not end with a newline")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("no request came within %v", requestTime)
	case err != nil:
		return nil, err
	case r.Buffered() > 0:
		return nil, errors.New("more than one line: one request a connection")
	}
	return line, nil
}

// whileThere runs f with a context that also ends when the client goes, or sends
// more.
func (c *connection) whileThere(ctx context.Context, f func(context.Context)) {
	ctx, cancel := context.WithCancel(ctx)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		defer cancel()
		_ = c.conn.SetReadDeadline(time.Time{})
		_, _ = c.conn.Read(make([]byte, 1))
	}()
	f(ctx)
	cancel()
	_ = c.conn.Close()
	<-gone
}

// selftest waits for its turn: a selftest costs every peer a datagram.
func (c *connection) selftest(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, selftestTime)
	defer cancel()
	select {
	case c.server.selftest <- struct{}{}:
		defer func() { <-c.server.selftest }()
	case <-ctx.Done():
		c.fail(errors.New("others run selftests: try again later"))
		return
	}
	c.answer(c.server.daemon.Selftest(ctx).bounded())
}

// watch shows events until the client goes or does not read.
func (c *connection) watch(ctx context.Context, f Filter) {
	w, err := c.server.hub.join(f)
	if err != nil {
		c.fail(err)
		return
	}
	defer c.server.hub.leave(w)
	there := c.answer(watching{true})
	tick := time.NewTicker(skippedEvery)
	defer tick.Stop()
	for there {
		select {
		case e := <-w.events:
			there = c.answer(e)
		case now := <-tick.C:
			// Events that wait were before what is skipped since.
			if len(w.events) > 0 {
				continue
			}
			if n := c.server.hub.takeSkipped(w); n > 0 {
				there = c.answer(Event{Time: Time{now}, Skipped: n})
			}
		case <-ctx.Done():
			return
		}
	}
}

// answer writes a line; false: the client does not read.
func (c *connection) answer(v any) bool {
	line, err := json.Marshal(v)
	if err != nil {
		line, _ = json.Marshal(failure{err.Error()})
	}
	if err := c.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return false
	}
	_, err = c.conn.Write(append(line, '\n'))
	return err == nil
}

// fail says what is wrong.
func (c *connection) fail(err error) { c.answer(failure{err.Error()}) }
