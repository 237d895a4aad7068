//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

// connectWithin bounds the handshakes, which no path MTU hinders: long enough
// for two lost SYNs.
const connectWithin = 5 * time.Second

// tearDown bounds how long a phase waits for its servers' sides to notice
// that it is over.
const tearDown = 2 * time.Second

// Downloads runs one TCP download for each flow of the load, all from one
// common start: every client connects, then all ask at once or spread as the
// load says, and the server that accepted the flow sends. The content is checked
// byte by byte and is another one for every client. Afterwards every connection
// is reset on both sides, so that no state but path MTUs is left.
//
// Stalled flows are results, not errors; an error means that the load could
// not be run.
func (l *Lab) Downloads(ctx context.Context, load Load) (Report, error) {
	load, err := l.loadDefaults(load)
	if err != nil {
		return Report{}, err
	}
	results := l.newResults(protocolTCP, load)
	site, err := l.openSite(ctx, load)
	if err != nil {
		return Report{}, errors.Join(fmt.Errorf("downloads: %w", err), site.close())
	}
	conns := make([]net.Conn, len(results))
	dialed, cancel := context.WithTimeout(ctx, connectWithin)
	_ = each(len(results), func(i int) error {
		conns[i], results[i].Err = l.connectFlow(dialed, results[i].Flow)
		return nil // a flow that does not connect is a result
	})
	cancel()

	start := time.Now()
	stop := context.AfterFunc(ctx, func() {
		for _, c := range conns {
			if c != nil {
				_ = c.SetDeadline(time.Now())
			}
		}
	})
	_ = each(len(results), func(i int) error {
		begin := start.Add(load.Spread * time.Duration(i) / time.Duration(len(results)))
		if conns[i] != nil {
			await(ctx, begin)
			download(conns[i], &results[i], site.content, load.Size, begin.Add(load.Timeout))
			reset(conns[i])
		}
		results[i].Duration = time.Since(begin)
		return nil
	})
	stop()
	err = site.close()
	for i := range results {
		results[i].Owner = site.owner(results[i].Flow)
	}
	if ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
	}
	if err != nil {
		return Report{}, fmt.Errorf("downloads: %w", err)
	}
	return Report{Results: results}, nil
}

// await returns at a time, or when ctx ends.
func await(ctx context.Context, at time.Time) {
	ctx, cancel := context.WithDeadline(ctx, at)
	defer cancel()
	<-ctx.Done()
}

func (l *Lab) connectFlow(ctx context.Context, f Flow) (net.Conn, error) {
	return l.Client.dialFrom(ctx, net.TCPAddrFromAddrPort(f.Client), f.Family().network("tcp"), f.VIP.String())
}

// download asks for the content and checks it as it comes.
func download(c net.Conn, r *Result, content []byte, size int, deadline time.Time) {
	r.Err = func() error {
		if err := c.SetDeadline(deadline); err != nil {
			return err
		}
		if _, err := c.Write([]byte{1}); err != nil {
			return err
		}
		want := content[r.Client : r.Client+size]
		buffer := make([]byte, 64<<10)
		for r.Bytes < size {
			n, err := c.Read(buffer)
			if n > size-r.Bytes || !bytes.Equal(buffer[:n], want[r.Bytes:r.Bytes+n]) {
				return fmt.Errorf("wrong content after %d bytes", r.Bytes)
			}
			r.Bytes += n
			if err != nil {
				return fmt.Errorf("after %d of %d bytes: %w", r.Bytes, size, err)
			}
		}
		return nil
	}()
	r.Finished = r.Err == nil
}

// reset closes a connection with RST: no TIME_WAIT, nothing retransmitted.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // closing is all that is left to try
	}
	_ = c.Close()
}

// site is the servers' side of downloads: a listener on every server.
type site struct {
	content   []byte // flow i's is size bytes from i on
	size      int
	listeners []net.Listener
	wg        sync.WaitGroup

	mu     sync.Mutex
	owners map[netip.AddrPort]int // by client
	conns  map[net.Conn]struct{}
}

// openSite listens on the VIPs in every server; it returns what it opened even
// with an error.
func (l *Lab) openSite(ctx context.Context, load Load) (*site, error) {
	s := &site{
		content: make([]byte, load.Size+load.Flows), size: load.Size,
		owners: make(map[netip.AddrPort]int), conns: make(map[net.Conn]struct{}),
	}
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(s.content) // never fails
	for _, at := range l.service(load) {
		for i, server := range l.Servers {
			listener, err := server.Listen(ctx, FamilyOf(at.Addr()).network("tcp"), at.String())
			if err != nil {
				return s, err
			}
			s.listeners = append(s.listeners, listener)
			s.wg.Go(func() { s.accept(listener, i) })
		}
	}
	return s, nil
}

func (s *site) accept(listener net.Listener, server int) {
	for {
		c, err := listener.Accept()
		if err != nil {
			return // closed
		}
		client := c.RemoteAddr().(*net.TCPAddr).AddrPort()
		s.mu.Lock()
		s.owners[client], s.conns[c] = server, struct{}{}
		s.mu.Unlock()
		s.wg.Go(func() { s.serve(c, int(client.Port())-firstClientPort) })
	}
}

// serve sends flow i its content once asked, then waits for the client to
// reset the connection.
func (s *site) serve(c net.Conn, i int) {
	defer func() {
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		reset(c)
	}()
	one := make([]byte, 1)
	if _, err := c.Read(one); err != nil || i < 0 || i+s.size > len(s.content) {
		return
	}
	if _, err := c.Write(s.content[i : i+s.size]); err != nil {
		return
	}
	_, _ = io.ReadFull(c, one) // its end is what is waited for
}

func (s *site) owner(f Flow) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if server, ok := s.owners[f.Client]; ok {
		return server
	}
	return -1
}

// close ends the listeners, gives the clients' resets time to arrive, and
// resets what is left.
func (s *site) close() error {
	var errs []error
	for _, l := range s.listeners {
		errs = append(errs, l.Close())
	}
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(tearDown):
		s.mu.Lock()
		for c := range s.conns {
			_ = c.SetDeadline(time.Now())
		}
		s.mu.Unlock()
		<-done
	}
	return errors.Join(errs...)
}
