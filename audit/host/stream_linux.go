package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	// datagramBytes is twice what the kernel puts into one datagram of a dump
	// once it has seen that we take it (netlink_recvmsg in
	// net/netlink/af_netlink.c).
	datagramBytes = 64 << 10
	// dumpAttempts is how often a dump is begun that the kernel says it could
	// not finish in one piece.
	dumpAttempts = 4
)

var (
	errDatagram = errors.New("the kernel sends more at a time than it is known to do")
	// errEnough is what a collector returns to end the dump early.
	errEnough = errors.New("enough was read")
)

// collector takes what a dump says.
type collector interface {
	// begin forgets what add was given: the dump starts, perhaps anew.
	begin()
	// add takes a message's body, valid until it returns.
	add(body []byte) error
}

// stream reads dumps of any length in memory of its own, each message in place.
// As with an exchange the kernel answers within the call that asks, so nothing
// ever waits. After an error it is to be closed: a dump may be unfinished.
type stream struct {
	conn    *netlink.Conn
	raw     syscall.RawConn
	receive func(fd uintptr) // made once

	datagram [datagramBytes]byte
	received int
	err      error
}

func openStream(family int) (*stream, error) {
	c, raw, err := dialRaw(family)
	if err != nil {
		return nil, err
	}
	return newStream(c, raw), nil
}

func newStream(c *netlink.Conn, raw syscall.RawConn) *stream {
	s := &stream{conn: c, raw: raw}
	s.receive = func(fd uintptr) { s.received, s.err = unix.Read(int(fd), s.datagram[:]) }
	return s
}

// Close ends the connection.
func (s *stream) Close() error { return s.conn.Close() }

// dump asks for a table with the fixed header that the kind of question has, and
// hands every message of the kind that we want to the collector. Where the table
// changed meanwhile so that the kernel lost its place (NLM_F_DUMP_INTR), it asks
// again a few times; whole is false where each was in vain, and what the last
// one said stands.
func (s *stream) dump(kind, want uint16, header []byte, c collector) (whole bool, err error) {
	for range dumpAttempts {
		c.begin()
		if whole, err = s.once(kind, want, header, c); whole || err != nil {
			break
		}
	}
	return whole, err
}

func (s *stream) once(kind, want uint16, header []byte, c collector) (whole bool, err error) {
	sent, err := s.conn.Send(netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request | netlink.Dump},
		Data:   header,
	})
	if err != nil {
		return false, fmt.Errorf("ask the kernel: %w", err)
	}
	whole = true
	for {
		if err := s.raw.Control(s.receive); err != nil {
			return false, fmt.Errorf("ask the kernel: %w", err)
		}
		if s.err != nil {
			return false, fmt.Errorf("ask the kernel: %w", s.err)
		}
		if s.received == datagramBytes {
			return false, errDatagram
		}
		done, interrupted, err := walk(s.datagram[:s.received], sent.Header.Sequence, want, c)
		if err != nil {
			return false, err
		}
		whole = whole && !interrupted
		if done {
			return whole, nil
		}
	}
}

// walk goes over the messages of a datagram that answer the question with that
// sequence number.
func walk(datagram []byte, sequence uint32, want uint16, c collector) (done, interrupted bool, err error) {
	for rest := datagram; len(rest) > 0; {
		if len(rest) < headerBytes {
			return false, false, errShort
		}
		last := binary.NativeEndian.Uint16(rest[nlmsgType:]) == unix.NLMSG_DONE
		expect := want
		if last {
			expect = unix.NLMSG_DONE
		}
		b, err := body(rest, expect)
		if err != nil {
			return false, false, err
		}
		if binary.NativeEndian.Uint32(rest[nlmsgSequence:]) == sequence {
			interrupted = interrupted || binary.NativeEndian.Uint16(rest[nlmsgFlags:])&unix.NLM_F_DUMP_INTR != 0
			if last {
				return true, interrupted, decodeDone(b)
			}
			if err := c.add(b); err != nil {
				return false, false, err
			}
		}
		rest = rest[min(align(headerBytes+len(b)), len(rest)):]
	}
	return false, interrupted, nil
}

// decodeDone reads the error that a dump ended with
// (netlink_dump_done in net/netlink/af_netlink.c).
func decodeDone(b []byte) error {
	if len(b) < 4 {
		return errShort
	}
	if errno := -int32(binary.NativeEndian.Uint32(b)); errno > 0 {
		return refusal(errno)
	}
	return nil
}
