package host

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Sockets asks the kernel which socket a flow belongs to, in the network
// namespace of the thread that opened it. It needs no privilege and is for one
// goroutine at a time.
type Sockets struct {
	exchange *exchange
	tcp, udp bool // the kernel answers for them
}

// OpenSockets opens a connection to the kernel (sock_diag(7)).
func OpenSockets() (_ *Sockets, err error) {
	x, err := openExchange(unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, err
	}
	s := &Sockets{exchange: x}
	defer func() {
		if err != nil {
			_ = s.Close() // the error on the way out is the one to report
		}
	}()
	if s.tcp, err = answersFor(x.conn, unix.IPPROTO_TCP); err != nil {
		return nil, err
	}
	if s.udp, err = answersFor(x.conn, unix.IPPROTO_UDP); err != nil {
		return nil, err
	}
	return s, nil
}

// Close ends the connection.
func (s *Sockets) Close() error { return s.exchange.close() }

// The kernel cannot tell of sockets of a protocol.
var (
	errNoTCP = fmt.Errorf("%w: load its module tcp_diag", ErrUnsupported)
	errNoUDP = fmt.Errorf("%w: load its module udp_diag", ErrUnsupported)
)

// answersFor reports whether the kernel can find sockets of a protocol. Where
// the module for it is missing, a look-up is answered as if there were no such
// socket; a dump (of no state, so of nothing) tells the two apart.
func answersFor(c conn, protocol uint8) (bool, error) {
	body := appendSocketRequest(nil, socketRequest{family: unix.AF_INET, protocol: protocol})
	_, err := dump(c, unix.SOCK_DIAG_BY_FAMILY, body)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	return err == nil, err
}

// Find looks the socket up that would get a packet from remote to local: one
// exact look-up, as for an incoming packet, of what is not bound to an
// interface. ok is false where there is none. Protocols other than TCP and UDP
// are [ErrUnsupported], and so is one whose diagnosis the kernel lacks.
//
// A TCP flow without a connection has the listening socket, a UDP flow the one
// that is bound to its local address or to all. Sockets of IPv6 that serve IPv4
// too are found by either family's addresses.
func (s *Sockets) Find(protocol uint8, local, remote netip.AddrPort) (found Socket, ok bool, err error) {
	found, ok, err = s.find(protocol, local, remote)
	if err != nil {
		return Socket{}, false, fmt.Errorf("socket of %v with %v, protocol %d: %w", local, remote, protocol, err)
	}
	return found, ok, nil
}

func (s *Sockets) find(protocol uint8, local, remote netip.AddrPort) (Socket, bool, error) {
	switch {
	case protocol == unix.IPPROTO_TCP && !s.tcp:
		return Socket{}, false, errNoTCP
	case protocol == unix.IPPROTO_UDP && !s.udp:
		return Socket{}, false, errNoUDP
	case protocol != unix.IPPROTO_TCP && protocol != unix.IPPROTO_UDP:
		return Socket{}, false, ErrUnsupported
	}
	family, ok := familyOf(local.Addr())
	if f, of := familyOf(remote.Addr()); !ok || !of || f != family {
		return Socket{}, false, errFamilies
	}
	q := socketRequest{family: family, protocol: protocol, extensions: 1 << (diagInfo - 1), local: local, remote: remote}
	b, err := s.exchange.ask(appendSocketRequest(s.exchange.begin(), q), unix.SOCK_DIAG_BY_FAMILY, unix.SOCK_DIAG_BY_FAMILY)
	if errors.Is(err, unix.ENOENT) {
		return Socket{}, false, nil
	}
	if err != nil {
		return Socket{}, false, err
	}
	found, err := decodeSocket(b, local.Port(), remote.Port())
	return found, err == nil, err
}
