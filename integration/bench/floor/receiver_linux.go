package floor

import (
	"encoding/binary"
	"fmt"
	"syscall"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The socket's settings are those of ptbrelay's (relay/capture), and so are the
// numbers of datagrams a call and of bytes a datagram.
const (
	receiveBuffer = 8 << 20
	datagrams     = 16
	datagramSize  = 128 << 10
)

// Numbers of linux/netfilter/nfnetlink_log.h.
const (
	configMessage = unix.NFNL_SUBSYS_ULOG<<8 | 1 // NFULNL_MSG_CONFIG
	cfgCommand    = 1                            // NFULA_CFG_CMD
	cfgMode       = 2                            // NFULA_CFG_MODE
	cfgBuffer     = 3                            // NFULA_CFG_NLBUFSIZ
	cfgTimeout    = 4                            // NFULA_CFG_TIMEOUT
	cfgThreshold  = 5                            // NFULA_CFG_QTHRESH
	cfgFlags      = 6                            // NFULA_CFG_FLAGS
	bindCommand   = 1                            // NFULNL_CFG_CMD_BIND
	copyPacket    = 2                            // NFULNL_COPY_PACKET
	flagSeq       = 1                            // NFULNL_CFG_F_SEQ
	attrPayload   = 9                            // NFULA_PAYLOAD
)

// mmsghdr is struct mmsghdr (recvmmsg(2)).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   [unsafe.Sizeof(uintptr(0)) - 4]byte
}

// receiver reads the group's datagrams.
type receiver struct {
	raw     syscall.RawConn
	headers [datagrams]mmsghdr
	iovecs  [datagrams]unix.Iovec
	buffers [datagrams][]byte
}

func newReceiver() (*receiver, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	if err := configure(conn); err != nil {
		return nil, fmt.Errorf("bind nflog group %d: %w", group, err)
	}
	r := new(receiver)
	if r.raw, err = conn.SyscallConn(); err != nil {
		return nil, err
	}
	for i := range r.headers {
		r.buffers[i] = make([]byte, datagramSize)
		r.iovecs[i].Base = &r.buffers[i][0]
		r.iovecs[i].SetLen(datagramSize)
		r.headers[i].hdr.Iov = &r.iovecs[i]
		r.headers[i].hdr.SetIovlen(1)
	}
	return r, nil
}

func configure(conn *netlink.Conn) error {
	if err := conn.SetReadBuffer(receiveBuffer); err != nil {
		return err
	}
	if err := conn.SetOption(netlink.NoENOBUFS, true); err != nil {
		return err
	}
	if err := request(conn, func(a *netlink.AttributeEncoder) {
		a.Bytes(cfgCommand, []byte{bindCommand})
	}); err != nil {
		return err
	}
	return request(conn, func(a *netlink.AttributeEncoder) {
		a.Bytes(cfgMode, []byte{0, 0, 0xff, 0xff, copyPacket, 0}) // copy range, mode, padding
		a.Uint32(cfgBuffer, datagramSize)
		a.Uint32(cfgTimeout, 1) // 10 ms
		a.Uint32(cfgThreshold, 100)
		a.Uint16(cfgFlags, flagSeq)
	})
}

func request(conn *netlink.Conn, attributes func(*netlink.AttributeEncoder)) error {
	a := netlink.NewAttributeEncoder()
	a.ByteOrder = binary.BigEndian
	attributes(a)
	encoded, err := a.Encode()
	if err != nil {
		return err
	}
	_, err = conn.Execute(netlink.Message{
		Header: netlink.Header{Type: configMessage, Flags: netlink.Request | netlink.Acknowledge},
		Data:   append([]byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, group}, encoded...),
	})
	return err
}

// receive waits for datagrams, in the runtime's poller, and returns how many
// came. The system calls here are raw, as ptbrelay's are: an ordinary one would
// cost twice the time (relay/capture).
func (r *receiver) receive() (int, error) {
	var n uintptr
	var errno syscall.Errno
	err := r.raw.Read(func(fd uintptr) bool {
		n, _, errno = unix.RawSyscall6(unix.SYS_RECVMMSG, fd,
			uintptr(unsafe.Pointer(&r.headers[0])), datagrams, unix.MSG_DONTWAIT, 0, 0)
		return errno != unix.EAGAIN
	})
	if err == nil && errno != 0 {
		err = errno
	}
	return int(n), err
}

func (r *receiver) datagram(i int) []byte {
	return r.buffers[i][:min(int(r.headers[i].len), datagramSize)]
}

const (
	messageHeader   = unix.NLMSG_HDRLEN + 4 // struct nlmsghdr, struct nfgenmsg
	attributeHeader = unix.NLA_HDRLEN
)

// eachPayload calls f with each packet in a datagram. It trusts the kernel's
// framing.
func eachPayload(datagram []byte, f func([]byte)) {
	for len(datagram) >= messageHeader {
		size := int(binary.NativeEndian.Uint32(datagram))
		for attrs := datagram[messageHeader:size]; len(attrs) >= attributeHeader; {
			length := int(binary.NativeEndian.Uint16(attrs))
			if binary.NativeEndian.Uint16(attrs[2:]) == attrPayload {
				f(attrs[attributeHeader:length])
			}
			attrs = attrs[min(align(length), len(attrs)):]
		}
		datagram = datagram[min(align(size), len(datagram)):]
	}
}

func align(n int) int { return (n + 3) &^ 3 }
