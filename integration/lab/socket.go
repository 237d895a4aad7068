//go:build linux

package lab

import (
	"context"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// Dial connects from the node, as net.Dialer does; networks tcp, udp and unix
// with literal addresses. It fits http.Transport.DialContext.
func (n *Node) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return n.dialFrom(ctx, nil, network, address)
}

func (n *Node) dialFrom(ctx context.Context, local net.Addr, network, address string) (net.Conn, error) {
	var conn net.Conn
	err := n.Do(func() (err error) {
		// No fallback: it would dial from another goroutine, outside the node.
		d := net.Dialer{LocalAddr: local, KeepAlive: -1, FallbackDelay: -1}
		conn, err = d.DialContext(ctx, network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", n.name, err)
	}
	return conn, nil
}

// Listen opens a stream listener on the node. The address need not be one of
// its own (IP_FREEBIND), so VIPs that are local by an AnyIP route will do.
func (n *Node) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	var l net.Listener
	err := n.Do(func() (err error) {
		l, err = listenConfig().Listen(ctx, network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", n.name, err)
	}
	return l, nil
}

// ListenPacket opens a datagram socket on the node, as [Node.Listen] does.
// Several sockets may share one address, so a connected one can stand beside
// the listening one.
func (n *Node) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	var c net.PacketConn
	err := n.Do(func() (err error) {
		c, err = listenConfig().ListenPacket(ctx, network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", n.name, err)
	}
	return c, nil
}

func listenConfig() *net.ListenConfig {
	lc := &net.ListenConfig{Control: bindAnywhere, KeepAlive: -1}
	lc.SetMultipathTCP(false) // plain TCP is what services run
	return lc
}

// bindAnywhere allows an address that is local by route only, and shared use
// of it by datagram sockets.
func bindAnywhere(network, _ string, c syscall.RawConn) error {
	if network == "unix" {
		return nil
	}
	return control(c, func(fd int) error {
		level, option := unix.SOL_IP, unix.IP_FREEBIND
		if network[len(network)-1] == '6' {
			level, option = unix.SOL_IPV6, unix.IPV6_FREEBIND
		}
		if err := unix.SetsockoptInt(fd, level, option, 1); err != nil {
			return fmt.Errorf("allow a foreign address: %w", err)
		}
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	})
}

// control runs f on the descriptor behind c and joins the two errors.
func control(c syscall.RawConn, f func(fd int) error) error {
	var inner error
	if err := c.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}
