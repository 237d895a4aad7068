package capture

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// datagramSize is the largest datagram that the kernel builds: the size of
	// its batch buffer. 64 PTBs of full length fit.
	datagramSize = 128 << 10
	// copyRange is the most of one packet that the kernel copies: all of it.
	copyRange = 0xffff
	// ringSize is how many datagrams one system call may bring. With the
	// rules' threshold of 64 that is a thousand messages.
	ringSize = 16
)

// mmsghdr is struct mmsghdr (recvmmsg(2)).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   [unsafe.Sizeof(uintptr(0)) - 4]byte
}

// ring is the fixed set of buffers that messages are received into.
type ring struct {
	headers [ringSize]mmsghdr
	iovecs  [ringSize]unix.Iovec
	buffers [ringSize][]byte
}

func newRing() *ring {
	r := new(ring)
	for i := range r.headers {
		r.buffers[i] = make([]byte, datagramSize)
		r.iovecs[i].Base = &r.buffers[i][0]
		r.iovecs[i].SetLen(datagramSize)
		r.headers[i].hdr.Iov = &r.iovecs[i]
		r.headers[i].hdr.SetIovlen(1)
	}
	return r
}

// receive fills buffers with what the socket has, without waiting, and returns
// how many. It never blocks, so the scheduler is not told of the system call: in
// a process at rest that would wake the runtime's monitor thread, which takes
// half as much time as a lone message needs in all.
func (r *ring) receive(fd uintptr) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd,
		uintptr(unsafe.Pointer(&r.headers[0])), ringSize, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// datagram is what receive put into buffer i.
func (r *ring) datagram(i int) []byte {
	return r.buffers[i][:min(int(r.headers[i].len), datagramSize)]
}

// socketMemory is what the kernel counts of a socket (SO_MEMINFO, linux/sock_diag.h);
// where it does not tell, zeros.
func socketMemory(raw syscall.RawConn) (info [skMeminfoVars]uint32) {
	size := uint32(unsafe.Sizeof(info))
	_ = raw.Control(func(fd uintptr) {
		_, _, _ = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	})
	return info
}

const (
	skMeminfoRmemAlloc = 0 // SK_MEMINFO_RMEM_ALLOC: bytes that wait to be read, with the kernel's overhead
	skMeminfoDrops     = 8 // SK_MEMINFO_DROPS: datagrams that found no room, modulo 2^32
	skMeminfoVars      = 9
)
