package deliver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"ptbrelay/classify"
)

// loopback is the index of lo in every network namespace (LOOPBACK_IFINDEX,
// include/net/flow.h).
const loopback = 1

// injector puts packets into this host's own kernel, and cannot put them
// anywhere else; the package comment says why. It is for one goroutine at a time.
type injector struct {
	raw4, raw6 int
	frames     int

	to4   unix.RawSockaddrInet4
	to6   unix.RawSockaddrInet6
	frame unix.RawSockaddrLinklayer
}

// newInjector opens the sockets, which takes CAP_NET_RAW.
func newInjector() (_ *injector, err error) {
	i := &injector{
		raw4: -1, raw6: -1, frames: -1,
		to4: unix.RawSockaddrInet4{Family: unix.AF_INET},
		to6: unix.RawSockaddrInet6{Family: unix.AF_INET6},
		frame: unix.RawSockaddrLinklayer{
			Family: unix.AF_PACKET, Ifindex: loopback,
			Protocol: binary.NativeEndian.Uint16([]byte{0x86, 0xdd}), // ETH_P_IPV6 in network order
			Halen:    6, Addr: [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		},
	}
	defer func() {
		if err != nil {
			_ = i.Close() // the error on the way out is the one to report
		}
	}()
	if i.raw4, err = openRaw(unix.AF_INET); err != nil {
		return nil, err
	}
	// A host may have been started without IPv6; then no PTB of it is for us.
	if i.raw6, err = openRaw(unix.AF_INET6); err != nil && !errors.Is(err, unix.EAFNOSUPPORT) {
		return nil, err
	}
	// The packet has its source, yet for each one the kernel would choose one among
	// all addresses: 0.2 ms where there are 512. Should lo have lost ::1, it does.
	_ = unix.Bind(i.raw6, &unix.SockaddrInet6{Addr: netip.IPv6Loopback().As16()})
	// Protocol 0: the socket receives nothing.
	if i.frames, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return nil, needRaw("packet socket", err)
	}
	return i, nil
}

// openRaw opens a socket that sends packets with their header on lo. To receive
// it would need packets of protocol 255, of which it holds next to nothing.
func openRaw(family int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_RAW)
	if err != nil {
		return -1, needRaw("raw socket", err)
	}
	err = errors.Join(
		os.NewSyscallError("bind to lo", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, loopback)),
		os.NewSyscallError("shrink the receive buffer", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 0)),
	)
	if err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("prepare raw socket: %w", err)
	}
	return fd, nil
}

func needRaw(what string, err error) error {
	return fmt.Errorf("open %s: %w: CAP_NET_RAW is needed (run as root or grant it)", what, err)
}

// inject gives the kernel a packet to the VIP. It never waits; 0: the kernel
// took it.
func (i *injector) inject(f classify.Family, vip netip.Addr, packet []byte) syscall.Errno {
	if f == classify.IPv4 {
		i.to4.Addr = vip.As4()
		return send(i.raw4, packet, unsafe.Pointer(&i.to4), unix.SizeofSockaddrInet4)
	}
	i.to6.Addr = vip.As16()
	errno := send(i.raw6, packet, unsafe.Pointer(&i.to6), unix.SizeofSockaddrInet6)
	if errno != unix.ENETUNREACH {
		return errno
	}
	return send(i.frames, packet, unsafe.Pointer(&i.frame), unix.SizeofSockaddrLinklayer)
}

// send is sendto(2). It never blocks, so the scheduler is not told of the system
// call (see relay/capture, ring.receive).
func send(fd int, packet []byte, to unsafe.Pointer, size uintptr) syscall.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(packet))), uintptr(len(packet)),
		unix.MSG_DONTWAIT, uintptr(to), size)
	return errno
}

// Close closes the sockets.
func (i *injector) Close() error {
	var errs []error
	for _, fd := range []int{i.raw4, i.raw6, i.frames} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	return errors.Join(errs...)
}
