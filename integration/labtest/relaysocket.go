//go:build linux

package labtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
)

// Socket is one of a server that owns a flow and sends nothing by itself.
type Socket struct {
	Flow lab.Flow
	// Sequence is that of the next byte, in TCP: what a PTB quotes to be believed.
	Sequence uint32

	t    testing.TB
	conn syscall.Conn
}

// ConnectUDP opens a flow's socket on a server until the test ends, connected to
// the client. It never fragments.
func ConnectUDP(t testing.TB, server *lab.Node, flow lab.Flow) *Socket {
	t.Helper()
	conn, err := server.ConnectUDP(t.Context(), flow)
	if err != nil {
		t.Fatalf("connect %v: %v", flow, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	flow.Protocol = unix.IPPROTO_UDP
	return &Socket{Flow: flow, t: t, conn: conn.(*net.UDPConn)}
}

// AcceptTCP connects a flow's client with its VIP until the test ends, and returns
// the socket of the server. The client's port is not the flow's: the router decides
// by it which server gets a connection, so many are tried.
func AcceptTCP(t testing.TB, l *lab.Lab, server int, flow lab.Flow) *Socket {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	listener, err := l.Servers[server].Listen(ctx, "tcp", flow.VIP.String())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client := dialUntil(ctx, t, l.Client, flow)
	t.Cleanup(func() { _ = client.Close() })
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	flow.Protocol, flow.Client = unix.IPPROTO_TCP, conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	s := &Socket{Flow: flow, t: t, conn: conn.(*net.TCPConn)}
	s.control(func(fd int) (err error) {
		s.Sequence, err = NextSequence(fd)
		return err
	})
	return s
}

// dialUntil dials until somebody listens where the router sends the connection.
func dialUntil(ctx context.Context, t testing.TB, n *lab.Node, flow lab.Flow) (client net.Conn) {
	t.Helper()
	err := n.Do(func() (err error) {
		for {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: flow.Client.Addr().AsSlice()}, FallbackDelay: -1}
			if client, err = d.DialContext(ctx, "tcp", flow.VIP.String()); !errors.Is(err, unix.ECONNREFUSED) {
				return err
			}
		}
	})
	if err != nil {
		t.Fatalf("connect %v with %v: %v", flow.Client.Addr(), flow.VIP, err)
	}
	return client
}

// NextSequence is the number of the next byte that a TCP connection at rest sends,
// as those are told who move one to another host (TCP_REPAIR, tcp(7)).
func NextSequence(fd int) (sequence uint32, err error) {
	const on, off, sendQueue = 1, 0, 2
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, on); err != nil {
		return 0, err
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR_QUEUE, sendQueue); err != nil {
		return 0, err
	}
	next, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUEUE_SEQ)
	if err != nil {
		return 0, err
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, off); err != nil {
		return 0, err
	}
	// Which forgets this, and the next listener would be refused.
	return uint32(next), unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
}

// PathMTU is what the socket itself sends by, in bytes.
func (s *Socket) PathMTU() (mtu int) {
	s.t.Helper()
	s.control(func(fd int) (err error) {
		switch {
		case s.Flow.Protocol == unix.IPPROTO_TCP:
			var info *unix.TCPInfo
			if info, err = unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
				mtu = int(info.Pmtu)
			}
		case s.Flow.Family() == lab.IPv4:
			mtu, err = unix.GetsockoptInt(fd, unix.SOL_IP, unix.IP_MTU)
		default:
			mtu, err = unix.GetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_MTU)
		}
		return err
	})
	return mtu
}

// AwaitPathMTU waits until the socket sends by that.
func (s *Socket) AwaitPathMTU(want int) {
	s.t.Helper()
	Eventually(s.t, 5*time.Second, fmt.Sprintf("%v has path MTU %d", s.Flow, want), func() error {
		if got := s.PathMTU(); got != want {
			return fmt.Errorf("it is %d", got)
		}
		return nil
	})
}

// Pending is the error that the kernel holds for the socket (SO_ERROR), 0 for none;
// reading it clears it.
func (s *Socket) Pending() (errno syscall.Errno) {
	s.t.Helper()
	s.control(func(fd int) error {
		value, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
		errno = syscall.Errno(value)
		return err
	})
	return errno
}

// Write sends bytes without waiting; of UDP they are one datagram.
func (s *Socket) Write(size int) (err error) {
	s.t.Helper()
	s.control(func(fd int) error {
		_, err = unix.Write(fd, make([]byte, size))
		return nil
	})
	return err
}

func (s *Socket) control(f func(fd int) error) {
	s.t.Helper()
	raw, err := s.conn.SyscallConn()
	if err == nil {
		failed := raw.Control(func(fd uintptr) { err = f(int(fd)) })
		err = errors.Join(failed, err)
	}
	if err != nil {
		s.t.Fatalf("socket of %v: %v", s.Flow, err)
	}
}
