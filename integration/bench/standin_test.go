package bench

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/transport"
)

// sealedOverhead is what an envelope adds to a packet, in bytes.
const sealedOverhead = labtest.EnvelopeHeader + labtest.EnvelopeTag

// readerBuffer is the receive buffer of a reader, in bytes: room for a burst. An
// ordinary user gets less.
const readerBuffer = 4 << 20

// open opens a UDP socket on a node until the benchmark ends.
func open(b *testing.B, n *lab.Node, at netip.AddrPort) *net.UDPConn {
	b.Helper()
	var conn *net.UDPConn
	err := n.Do(func() (err error) {
		conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return conn
}

// set sets socket options.
func set(b *testing.B, conn *net.UDPConn, options func(fd int) error) {
	b.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		b.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = options(int(fd)) }); err != nil || failed != nil {
		b.Fatal(err, failed)
	}
}

// deaf opens the socket of a peer that reads nothing.
func deaf(b *testing.B, n *lab.Node, at netip.AddrPort) {
	b.Helper()
	set(b, open(b, n, at), func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1) // becomes the least that there is
	})
}

// reader is a peer that reads its copies.
type reader struct {
	conn   *net.UDPConn
	next   uint64      // the least counter of a copy that was not read yet
	copies []time.Time // when they came, by the kernel's clock
	err    error
}

func newReader(b *testing.B, n *lab.Node, at netip.AddrPort) *reader {
	b.Helper()
	r := &reader{conn: open(b, n, at)}
	set(b, r.conn, func(fd int) error {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, readerBuffer) != nil {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, readerBuffer); err != nil {
				return err
			}
		}
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	})
	return r
}

// read reads the copies of count messages, which leave the daemon in the order in
// which they came. It ends with an error when none comes for a while.
func (r *reader) read(count int) {
	r.copies, r.err = r.copies[:0], nil
	var start [sealedOverhead]byte
	control := make([]byte, unix.CmsgSpace(int(unsafe.Sizeof(unix.Timespec{}))))
	for len(r.copies) < count {
		if r.err = r.conn.SetReadDeadline(time.Now().Add(quiet)); r.err != nil {
			return
		}
		n, oobn, _, _, err := r.conn.ReadMsgUDPAddrPort(start[:], control)
		if err != nil {
			r.err = err
			return
		}
		if n < len(start) || transport.Type(start[labtest.EnvelopeType]) != transport.TypePTB {
			continue // a probe
		}
		counter := binary.BigEndian.Uint64(start[labtest.EnvelopeCounter:])
		if counter < r.next || oobn < len(control) {
			r.err = fmt.Errorf("datagram %d after %d, with %d bytes of timestamp", counter, r.next, oobn)
			return
		}
		r.next = counter + 1
		stamp := (*unix.Timespec)(unsafe.Pointer(&control[unix.CmsgLen(0)]))
		r.copies = append(r.copies, time.Unix(stamp.Unix()))
	}
}

// plain sends a datagram to all peers by sendmmsg, each as a message of its own:
// the least that a fan-out can do without trains.
type plain struct {
	conn     *ipv4.PacketConn
	messages []ipv4.Message
}

func newPlain(b *testing.B, n *lab.Node, from netip.Addr, peers []netip.AddrPort, size int) *plain {
	b.Helper()
	p := &plain{conn: ipv4.NewPacketConn(open(b, n, netip.AddrPortFrom(from, 0)))}
	datagram := [][]byte{make([]byte, size)} // of no type
	for _, to := range peers {
		p.messages = append(p.messages, ipv4.Message{Buffers: datagram, Addr: net.UDPAddrFromAddrPort(to)})
	}
	return p
}

// send sends one datagram to each.
func (p *plain) send() error {
	for next := 0; next < len(p.messages); {
		n, err := p.conn.WriteBatch(p.messages[next:], 0)
		if err != nil {
			return err
		}
		next += n
	}
	return nil
}
