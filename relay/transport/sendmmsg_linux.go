package transport

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"ptbrelay/classify"
)

// mmsghdr is struct mmsghdr (sendmmsg(2)).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   [unsafe.Sizeof(uintptr(0)) - 4]byte
}

// mmsgs is a fixed set of messages for one sendmmsg: each an Ethernet header
// and a packet where it lies.
type mmsgs struct {
	headers []mmsghdr
	iovecs  [][2]unix.Iovec
}

func newMmsgs(n int) mmsgs {
	m := mmsgs{headers: make([]mmsghdr, n), iovecs: make([][2]unix.Iovec, n)}
	for i := range m.headers {
		h := &m.headers[i].hdr
		h.Iov = &m.iovecs[i][0]
		h.SetIovlen(2)
		h.Namelen = unix.SizeofSockaddrLinklayer
		m.iovecs[i][0].SetLen(ethernetHeader)
	}
	return m
}

// fill points the messages at the items.
func (m *mmsgs) fill(p *iface, batch []Item) {
	for i, item := range batch {
		f := 0
		if item.Family == classify.IPv6 {
			f = 1
		}
		m.headers[i].hdr.Name = (*byte)(unsafe.Pointer(&p.addrs[f]))
		m.iovecs[i][0].Base = &p.headers[f][0]
		m.iovecs[i][1].Base = unsafe.SliceData(item.Packet)
		m.iovecs[i][1].SetLen(len(item.Packet))
	}
}

// send sends messages from to to and returns how many the kernel took; errno
// is that of the first one if it took none. It never blocks, so the scheduler
// is not told of the system call (see relay/capture, ring.receive).
func (m *mmsgs) send(fd, from, to int) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&m.headers[from])), uintptr(to-from), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
