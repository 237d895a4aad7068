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

	"golang.org/x/sys/unix"
)

// maxAnswer bounds a line from the daemon, in bytes: MaxPeers peers, each with
// the 32 VIPs that a receipt can call missing, are half of it.
const maxAnswer = 16 << 20

// call is the client's side of a connection.
type call struct {
	ctx    context.Context
	path   string
	conn   net.Conn
	limit  io.LimitedReader // below lines
	lines  *bufio.Reader
	unbind func() bool // conn from ctx
}

// begin connects and sends the request. The whole call must happen within a
// time, unless the deadline of the connection is changed.
func begin(ctx context.Context, path string, within time.Duration, r request) (*call, error) {
	if err := checkLength(path); err != nil {
		return nil, err
	}
	c := &call{ctx: ctx, path: path}
	deadline := time.Now().Add(within)
	dialer := net.Dialer{Deadline: deadline}
	var err error
	if c.conn, err = dialer.DialContext(ctx, "unix", path); err != nil {
		return nil, c.explain(err)
	}
	c.limit.R = c.conn
	c.lines = bufio.NewReader(&c.limit)
	c.unbind = context.AfterFunc(ctx, func() { _ = c.conn.Close() })
	if err := errors.Join(c.conn.SetDeadline(deadline), c.send(r)); err != nil {
		c.end()
		return nil, c.explain(err)
	}
	return c, nil
}

// send writes the request. A daemon that has all its connections says so and
// closes without reading: then there is an answer although writing failed.
func (c *call) send(r request) error {
	line, _ := json.Marshal(r) // strings
	_, err := c.conn.Write(append(line, '\n'))
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return nil
	}
	return err
}

// read reads a line into answer, or returns the error that it says.
func (c *call) read(answer any) error {
	c.limit.N = maxAnswer
	line, err := c.lines.ReadBytes('\n')
	if err != nil {
		return c.explain(err)
	}
	var f failure
	if err := json.Unmarshal(line, &f); err == nil && f.Error != "" {
		return errors.New(f.Error)
	}
	if err := json.Unmarshal(line, answer); err != nil {
		return fmt.Errorf("what answers at %s is no ptbrelay of this version: %w", c.path, err)
	}
	return nil
}

func (c *call) end() {
	c.unbind()
	_ = c.conn.Close()
}

// explain says what an error of the connection means to the user.
func (c *call) explain(err error) error {
	switch {
	case c.ctx.Err() != nil:
		return c.ctx.Err()
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("no daemon answers at %s: is `ptbrelay run` running here, with the same `control` in its configuration?", c.path)
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("%s: permission denied: only root and the daemon's user may, who is %s", c.path, owner(c.path))
	case errors.Is(err, unix.EAGAIN), errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the daemon at %s does not answer: look at its log", c.path)
	case errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET):
		return fmt.Errorf("the daemon at %s ended the connection", c.path)
	}
	return err
}
