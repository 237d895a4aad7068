package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxConnections bounds what scripts that forget theirs can take of the daemon.
	maxConnections = 16
	// acceptPause is how long the server waits where the process has no file
	// descriptor left.
	acceptPause = 100 * time.Millisecond
)

// Server answers on the local socket.
type Server struct {
	socket   *socket
	hub      *Hub
	daemon   Daemon
	slots    chan struct{} // one a connection
	selftest chan struct{} // held while one runs
}

// Listen makes the socket at path, which is absolute, and its directory where
// that is absent. The socket of a daemon that was killed is replaced; where a
// living one answers, or the file is no socket, that is the error.
func Listen(path string, h *Hub) (*Server, error) {
	s, err := listen(path)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	return &Server{
		socket:   s,
		hub:      h,
		slots:    make(chan struct{}, maxConnections),
		selftest: make(chan struct{}, 1),
	}, nil
}

// Run answers until the context ends, once in the life of a server. It returns
// nil then, when all connections are closed.
func (s *Server) Run(ctx context.Context, d Daemon) error {
	s.daemon = d
	var connections sync.WaitGroup
	defer connections.Wait()
	defer context.AfterFunc(ctx, func() { _ = s.socket.SetDeadline(time.Unix(1, 0)) })()
	for {
		conn, err := s.socket.Accept()
		switch {
		case err == nil:
			s.admit(ctx, &connections, conn)
		case ctx.Err() != nil:
			return nil
		case exhausted(err):
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
		default:
			return fmt.Errorf("control: %w", err)
		}
	}
}

// Close removes the socket. It may be called again.
func (s *Server) Close() error { return s.socket.Close() }

// admit serves a connection if there is a slot for it.
func (s *Server) admit(ctx context.Context, connections *sync.WaitGroup, conn net.Conn) {
	c := connection{server: s, conn: conn}
	select {
	case s.slots <- struct{}{}:
		connections.Go(func() {
			defer func() { <-s.slots }()
			c.serve(ctx)
		})
	default:
		c.fail(fmt.Errorf("%d connections are open, which is the most: end one of them", maxConnections))
		_ = conn.Close()
	}
}

// exhausted tells errors of Accept that pass.
func exhausted(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) ||
		errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENOMEM)
}
