package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// ReadListeners asks the kernel which sockets take what comes from anybody, of TCP
// and UDP and both families, in the network namespace that the calling thread is
// in (sock_diag(7)). It needs no privilege. More than [MaxListeners] are an error,
// and a kernel that cannot tell is [ErrUnsupported].
func ReadListeners() ([]Listener, error) {
	s, err := openStream(unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var all []Listener
	for _, q := range []struct {
		request socketRequest
		missing error
	}{
		{socketRequest{family: unix.AF_INET, protocol: unix.IPPROTO_TCP, states: 1 << stateListen}, errNoTCP},
		{socketRequest{family: unix.AF_INET6, protocol: unix.IPPROTO_TCP, states: 1 << stateListen}, errNoTCP},
		{socketRequest{family: unix.AF_INET, protocol: unix.IPPROTO_UDP, states: 1 << stateClose}, errNoUDP},
		{socketRequest{family: unix.AF_INET6, protocol: unix.IPPROTO_UDP, states: 1 << stateClose}, errNoUDP},
	} {
		all, err = appendListeners(all, s, q.request)
		if errors.Is(err, unix.ENOENT) {
			err = q.missing
		}
		if err != nil {
			return nil, fmt.Errorf("read listeners: %w", err)
		}
	}
	return all, nil
}

// appendListeners reads those of one protocol and family.
func appendListeners(all []Listener, s *stream, q socketRequest) ([]Listener, error) {
	l := listeners{all: all, before: len(all), udp: q.protocol == unix.IPPROTO_UDP}
	_, err := s.dump(unix.SOCK_DIAG_BY_FAMILY, unix.SOCK_DIAG_BY_FAMILY, appendSocketRequest(nil, q), &l)
	return l.all, err
}

// listeners collects those of one protocol and family behind those of others.
type listeners struct {
	all    []Listener
	before int // how many are of others
	udp    bool
}

func (l *listeners) begin() { l.all = l.all[:l.before] }

func (l *listeners) add(b []byte) error {
	if len(l.all) == MaxListeners {
		return fmt.Errorf("there are more than %d", MaxListeners)
	}
	one, err := decodeListener(b)
	if err != nil {
		return err
	}
	one.UDP = l.udp
	l.all = append(l.all, one)
	return nil
}

// decodeListener reads struct inet_diag_msg and its attributes
// (inet_diag_msg_attrs_fill in net/ipv4/inet_diag.c).
func decodeListener(b []byte) (Listener, error) {
	if len(b) < diagMessageBytes {
		return Listener{}, errShort
	}
	var local netip.Addr
	switch b[msgFamily] {
	case unix.AF_INET:
		local = netip.AddrFrom4([4]byte(b[msgLocal:]))
	case unix.AF_INET6:
		local = netip.AddrFrom16([16]byte(b[msgLocal:])).Unmap()
	default:
		return Listener{}, fmt.Errorf("the kernel answers with a socket of family %d", b[msgFamily])
	}
	l := Listener{Local: netip.AddrPortFrom(local, binary.BigEndian.Uint16(b[msgLocalPort:]))}
	a := attributes{rest: b[diagMessageBytes:]}
	for a.next() {
		if a.kind != diagIPv6Only {
			continue
		}
		if len(a.value) != 1 {
			return Listener{}, errAttribute
		}
		l.IPv6Only = a.value[0] != 0
	}
	if a.err != nil {
		return Listener{}, a.err
	}
	return l, nil
}
