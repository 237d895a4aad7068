package deliver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/integration/labtest"
)

// owner is a socket of the server that owns a flow.
type owner struct {
	udpSocket        // or one of TCP
	sequence  uint32 // TCP: of the next byte that it sends
	t         testing.TB
}

// connects opens a socket of the server that owns a flow.
func (s *site) connects(p classify.Protocol, f classify.Family) *owner {
	s.t.Helper()
	if p == classify.TCP {
		return s.accepts(f)
	}
	o := s.bound(s.flow(classify.UDP, f))
	must(s.t, unix.Connect(o.fd, sockaddr(o.flow.Client(), int(o.flow.ClientPort()))))
	return o
}

// bound opens a UDP socket at a flow's VIP and port, connected to nobody. It never
// fragments, and the VIP need be local by a route only.
func (s *site) bound(flow classify.Flow) *owner {
	s.t.Helper()
	family, level, freebind, discover, do := unix.AF_INET, unix.SOL_IP, unix.IP_FREEBIND, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO
	if flow.VIP().Is6() {
		family, level, freebind, discover, do = unix.AF_INET6, unix.SOL_IPV6, unix.IPV6_FREEBIND, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DO
	}
	o := &owner{udpSocket: udpSocket{flow: flow}, t: s.t}
	must(s.t, s.server.Do(func() (err error) {
		o.fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		return err
	}))
	s.t.Cleanup(o.Close)
	must(s.t, errors.Join(
		unix.SetsockoptInt(o.fd, level, freebind, 1),
		unix.SetsockoptInt(o.fd, level, discover, do),
		unix.SetsockoptInt(o.fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.Bind(o.fd, sockaddr(flow.VIP(), int(flow.VIPPort()))),
	))
	return o
}

// accepts makes a TCP connection from the client.
func (s *site) accepts(f classify.Family) *owner {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), within)
	defer cancel()
	network := map[classify.Family]string{classify.IPv4: "tcp4", classify.IPv6: "tcp6"}[f]
	at := netip.AddrPortFrom(s.vip(f), port).String()
	listener, err := s.server.Listen(ctx, network, at)
	must(s.t, err)
	defer listener.Close()
	client, err := s.Client.Dial(ctx, network, at)
	must(s.t, err)
	s.t.Cleanup(func() { _ = client.Close() })
	conn, err := listener.Accept()
	must(s.t, err)
	defer conn.Close()
	file, err := conn.(*net.TCPConn).File()
	must(s.t, err)
	defer file.Close()
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	must(s.t, err)
	o := &owner{udpSocket: udpSocket{fd: fd}, t: s.t}
	s.t.Cleanup(o.Close)
	from := conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	o.flow = classify.MakeFlow(classify.TCP, netip.AddrPortFrom(s.vip(f), port), from)
	o.sequence, err = labtest.NextSequence(fd)
	must(s.t, err)
	return o
}

// ptb is the PTB about what the owner sends.
func (o *owner) ptb() []byte { return ptb(o.flow, o.sequence) }

// pathMTU is what the socket itself sends by, in bytes.
func (o *owner) pathMTU() uint32 {
	o.t.Helper()
	if o.flow.Protocol() == classify.TCP {
		info, err := unix.GetsockoptTCPInfo(o.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		must(o.t, err)
		return info.Pmtu
	}
	mtu, err := o.mtu()
	must(o.t, err)
	return mtu
}

// checkMTU fails the test unless the socket sends by that.
func (o *owner) checkMTU(want uint32) {
	o.t.Helper()
	if got := o.pathMTU(); got != want {
		o.t.Fatalf("%v: path MTU %d, want %d", o.flow, got, want)
	}
}

// awaitMTU waits until the socket sends by what the PTB reports.
func (o *owner) awaitMTU() {
	o.t.Helper()
	labtest.Eventually(o.t, within, fmt.Sprintf("%v learns", o.flow), func() error {
		if got := o.pathMTU(); got != uint32(reported) {
			return fmt.Errorf("its path MTU is %d", got)
		}
		return nil
	})
}

// checkTooBig fails the test unless the kernel refuses a datagram of more than the
// path MTU, and says so by EMSGSIZE.
func (o *owner) checkTooBig() {
	o.t.Helper()
	if _, err := unix.Write(o.fd, make([]byte, reported)); !errors.Is(err, unix.EMSGSIZE) {
		o.t.Errorf("%v: a datagram too big for the path: %v, want EMSGSIZE", o.flow, err)
	}
}
