package firewall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

var (
	// errEnough ends a dump whose rest nobody wants.
	errEnough = errors.New("enough")
	// errChanged: the rules changed while they were read.
	errChanged = errors.New("the rules changed while they were read")
)

// question is a request of nftables'.
type question struct {
	kind       uint8 // NFT_MSG_GET*
	dump       bool
	family     family
	attributes []netlink.Attribute
}

// answer is one message of the answers: its family and attributes.
type answer struct {
	family     family
	attributes []byte
}

// asker asks the kernel.
type asker interface {
	// ask calls each with every answer until it returns an error, which it then
	// returns, but for errEnough.
	ask(q question, each func(answer) error) error
}

// kernel asks over netlink, each time on a socket of its own: one question may be
// left with answers not fetched. netlink.Conn is not used, for it gathers a whole
// dump before it returns any, and a set may have millions of elements.
type kernel struct{}

const (
	answerBytes = 1 << 16 // a message of a dump has at most half of that
	// patienceSeconds is how long the kernel may take for an answer.
	patienceSeconds = 10
	sequence        = 1
	nfgenmsgBytes   = 4 // struct nfgenmsg: family, version, resource
)

func (kernel) ask(q question, each func(answer) error) error {
	request, err := q.message()
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	defer func() { _ = unix.Close(fd) }() // nothing is lost with it
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: patienceSeconds}); err != nil {
		return fmt.Errorf("set the time to wait: %w", err)
	}
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	if err := receive(fd, q.dump, each); err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return nil
}

// message is the question as the kernel reads it.
func (q question) message() ([]byte, error) {
	body, err := netlink.MarshalAttributes(q.attributes)
	if err != nil {
		return nil, fmt.Errorf("put the question: %w", err)
	}
	m := netlink.Message{
		Header: netlink.Header{
			Type:     netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | uint16(q.kind)),
			Flags:    netlink.Request,
			Sequence: sequence,
		},
		Data: append([]byte{byte(q.family), unix.NFNETLINK_V0, 0, 0}, body...),
	}
	if q.dump {
		m.Header.Flags |= netlink.Dump
	}
	m.Header.Length = uint32(unix.SizeofNlMsghdr + len(m.Data))
	return m.MarshalBinary()
}

// receive reads answers up to the one, or the dump's end.
func receive(fd int, dump bool, each func(answer) error) error {
	buf := make([]byte, answerBytes)
	for {
		n, _, flags, _, err := unix.Recvmsg(fd, buf, nil, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("read the answer: %w", err)
		case flags&unix.MSG_TRUNC != 0:
			return fmt.Errorf("read the answer: longer than %d bytes", len(buf))
		}
		done, err := answers(buf[:n], each)
		if done || err != nil || !dump {
			return err
		}
	}
}

// answers passes on the messages of one datagram; done is true at a dump's end.
func answers(b []byte, each func(answer) error) (done bool, err error) {
	messages, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	for _, m := range messages {
		switch {
		case m.Header.Flags&unix.NLM_F_DUMP_INTR != 0:
			return false, errChanged
		case m.Header.Type == unix.NLMSG_DONE, m.Header.Type == unix.NLMSG_ERROR:
			return true, refusal(m.Data)
		case len(m.Data) < nfgenmsgBytes:
			return false, errMissing
		}
		if err := each(answer{family(m.Data[0]), m.Data[nfgenmsgBytes:]}); err != nil {
			return false, err
		}
	}
	return false, nil
}

// refusal is the errno that a message begins with; 0 is none.
func refusal(b []byte) error {
	if len(b) < 4 {
		return errMissing
	}
	if errno := -int32(binary.NativeEndian.Uint32(b)); errno > 0 {
		return fmt.Errorf("the kernel refuses: %w", unix.Errno(errno))
	}
	return nil
}
