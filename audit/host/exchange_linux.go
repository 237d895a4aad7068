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
	headerBytes = unix.SizeofNlMsghdr
	// answerBytes has room for any single route or socket, which take some
	// hundred bytes.
	answerBytes = 8192
)

// Offsets in struct nlmsghdr.
const (
	nlmsgLength   = 0
	nlmsgType     = 4
	nlmsgFlags    = 6
	nlmsgSequence = 8
)

// exchange asks the kernel one question at a time that has one answer, in
// memory of its own. The kernel answers within the call that asks, so nothing
// ever waits. The like through netlink.Conn.Execute takes more than twice as
// long and 60 allocations.
type exchange struct {
	conn     *netlink.Conn
	raw      syscall.RawConn
	transfer func(fd uintptr) // made once

	question []byte // header and body
	answer   [answerBytes]byte
	received int // bytes of the answer
	err      error
	sequence uint32
}

func openExchange(family int) (*exchange, error) {
	c, raw, err := dialRaw(family)
	if err != nil {
		return nil, err
	}
	x := &exchange{conn: c, raw: raw}
	x.transfer = x.send
	return x, nil
}

// begin returns where to append a question's body.
func (x *exchange) begin() []byte { return append(x.question[:0], make([]byte, headerBytes)...) }

// ask sends what begin gave, with the body appended, and returns the body of
// the answer, valid until the next question. An error that is a refusal is the
// kernel's answer.
func (x *exchange) ask(question []byte, kind, want uint16) ([]byte, error) {
	x.question = question
	x.sequence++
	binary.NativeEndian.PutUint32(question[nlmsgLength:], uint32(len(question)))
	binary.NativeEndian.PutUint16(question[nlmsgType:], kind)
	binary.NativeEndian.PutUint16(question[nlmsgFlags:], unix.NLM_F_REQUEST)
	binary.NativeEndian.PutUint32(question[nlmsgSequence:], x.sequence)
	if err := x.raw.Control(x.transfer); err != nil {
		return nil, fmt.Errorf("ask the kernel: %w", err)
	}
	if x.err != nil {
		return nil, fmt.Errorf("ask the kernel: %w", x.err)
	}
	return body(x.answer[:x.received], want)
}

// send passes over what is left of an earlier exchange that failed half-way.
func (x *exchange) send(fd uintptr) {
	if _, x.err = unix.Write(int(fd), x.question); x.err != nil {
		return
	}
	for {
		x.received, x.err = unix.Read(int(fd), x.answer[:])
		if x.err != nil || x.received < headerBytes ||
			binary.NativeEndian.Uint32(x.answer[nlmsgSequence:]) == x.sequence {
			return
		}
	}
}

func (x *exchange) close() error { return x.conn.Close() }

// body is what a message of the kind that we want holds behind its header.
func body(message []byte, want uint16) ([]byte, error) {
	if len(message) < headerBytes {
		return nil, errShort
	}
	length := binary.NativeEndian.Uint32(message[nlmsgLength:])
	if length < headerBytes || uint64(length) > uint64(len(message)) {
		return nil, errShort
	}
	b := message[headerBytes:length]
	switch kind := binary.NativeEndian.Uint16(message[nlmsgType:]); kind {
	case want:
		return b, nil
	case unix.NLMSG_ERROR:
		return nil, decodeRefusal(b, binary.NativeEndian.Uint16(message[nlmsgFlags:]))
	default:
		return nil, fmt.Errorf("the kernel answers with a message of type %d instead of %d", kind, want)
	}
}

// refusal is the kernel's answer that it has none.
type refusal unix.Errno

func (r refusal) Error() string { return unix.Errno(r).Error() }
func (r refusal) Unwrap() error { return unix.Errno(r) }

// explained is a refusal with the kernel's own words, which it has where a
// question is not well put.
type explained struct {
	refusal refusal
	why     string
}

func (e explained) Error() string { return fmt.Sprintf("%v (%s)", e.refusal, e.why) }
func (e explained) Unwrap() error { return e.refusal }

// decodeRefusal reads struct nlmsgerr, the question that it returns and the
// attributes behind that (netlink_ack in net/netlink/af_netlink.c).
func decodeRefusal(b []byte, flags uint16) error {
	const errnoBytes = 4
	if len(b) < errnoBytes+headerBytes {
		return errShort
	}
	errno := -int32(binary.NativeEndian.Uint32(b))
	if errno <= 0 {
		return errors.New("the kernel acknowledges instead of answering")
	}
	r := refusal(errno)
	if flags&unix.NLM_F_ACK_TLVS == 0 {
		return r
	}
	skip := uint64(errnoBytes + headerBytes)
	if flags&unix.NLM_F_CAPPED == 0 {
		skip = errnoBytes + uint64(binary.NativeEndian.Uint32(b[errnoBytes:]))
	}
	if skip > uint64(len(b)) {
		return errShort
	}
	a := attributes{rest: b[skip:]}
	for a.next() {
		if a.kind == unix.NLMSGERR_ATTR_MSG {
			return explained{r, unix.ByteSliceToString(a.value)}
		}
	}
	if a.err != nil {
		return a.err
	}
	return r
}
