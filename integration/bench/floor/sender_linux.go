package floor

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	sendBuffer = 4 << 20
	// batch is the most that sendmmsg takes in one call (UIO_MAXIOV).
	batch = 1024
)

// sender sends packets where they lie as Ethernet broadcasts.
type sender struct {
	fd      uintptr
	ether   [2][14]byte // IPv4, IPv6
	to      [2]unix.RawSockaddrLinklayer
	headers [batch]mmsghdr
	iovecs  [batch][2]unix.Iovec
	n       int
}

func newSender(index int, mac [6]byte) (*sender, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendBuffer) != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer); err != nil {
			return nil, fmt.Errorf("set send buffer: %w", err)
		}
	}
	s := &sender{fd: uintptr(fd)}
	for i, etherType := range []uint16{unix.ETH_P_IP, unix.ETH_P_IPV6} {
		copy(s.ether[i][:], "\xff\xff\xff\xff\xff\xff")
		copy(s.ether[i][6:], mac[:])
		binary.BigEndian.PutUint16(s.ether[i][12:], etherType)
		s.to[i] = unix.RawSockaddrLinklayer{Family: unix.AF_PACKET, Ifindex: int32(index), Halen: 6}
		s.to[i].Protocol = binary.NativeEndian.Uint16(s.ether[i][12:])
	}
	for i := range s.headers {
		h := &s.headers[i].hdr
		h.Iov = &s.iovecs[i][0]
		h.SetIovlen(2)
		h.Namelen = unix.SizeofSockaddrLinklayer
		s.iovecs[i][0].SetLen(len(s.ether[0]))
	}
	return s, nil
}

// add queues a packet, which must stay as it is until flush.
func (s *sender) add(packet []byte) {
	family := 0
	if packet[0]>>4 == 6 {
		family = 1
	}
	s.headers[s.n].hdr.Name = (*byte)(unsafe.Pointer(&s.to[family]))
	s.iovecs[s.n][0].Base = &s.ether[family][0]
	s.iovecs[s.n][1].Base = unsafe.SliceData(packet)
	s.iovecs[s.n][1].SetLen(len(packet))
	s.n++
	if s.n == batch {
		s.flush()
	}
}

// flush sends what is queued. What the kernel does not take is lost; whoever
// counts the copies sees that.
func (s *sender) flush() {
	for next := 0; next < s.n; {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, s.fd,
			uintptr(unsafe.Pointer(&s.headers[next])), uintptr(s.n-next), unix.MSG_DONTWAIT, 0, 0)
		if errno != 0 {
			n = 1
		}
		next += int(n)
	}
	s.n = 0
}
