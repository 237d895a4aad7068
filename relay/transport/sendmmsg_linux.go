package transport

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"ptbrelay/classify"
)

// mmsghdr is struct mmsghdr (sendmmsg(2), recvmmsg(2)).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   [unsafe.Sizeof(uintptr(0)) - 4]byte
}

// sendmmsg hands messages to the kernel and returns how many it took; errno is
// that of the first one if it took none. It never blocks, so the scheduler is
// not told of the system call (see relay/capture, ring.receive).
func sendmmsg(fd uintptr, messages []mmsghdr) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd,
		uintptr(unsafe.Pointer(unsafe.SliceData(messages))), uintptr(len(messages)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// frames is a fixed set of messages for one sendmmsg on a packet socket: each an
// Ethernet header and a packet where it lies.
type frames struct {
	messages []mmsghdr
	iovecs   [][2]unix.Iovec
}

func newFrames(n int) frames {
	f := frames{messages: make([]mmsghdr, n), iovecs: make([][2]unix.Iovec, n)}
	for i := range f.messages {
		h := &f.messages[i].hdr
		h.Iov = &f.iovecs[i][0]
		h.SetIovlen(2)
		h.Namelen = unix.SizeofSockaddrLinklayer
		f.iovecs[i][0].SetLen(ethernetHeader)
	}
	return f
}

// fill points the frames at the packets of the batch.
func (f *frames) fill(p *iface, batch []classify.Message) {
	for i := range batch {
		version := 0
		if batch[i].Family == classify.IPv6 {
			version = 1
		}
		f.messages[i].hdr.Name = (*byte)(unsafe.Pointer(&p.addrs[version]))
		f.iovecs[i][0].Base = &p.headers[version][0]
		f.iovecs[i][1].Base = unsafe.SliceData(batch[i].Packet)
		f.iovecs[i][1].SetLen(len(batch[i].Packet))
	}
}
