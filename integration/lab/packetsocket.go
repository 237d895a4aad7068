//go:build linux

package lab

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// openPacketSocket makes a packet socket for an interface, whose index prepare
// gets. It has no protocol, so nothing comes in before prepare binds it to one.
func openPacketSocket(iface string, prepare func(fd, link int) error) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("open a packet socket: %w", err)
	}
	link, err := interfaceIndex(iface)
	if err == nil {
		err = prepare(fd, link)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// setBuffer sets the size of a socket's buffer in bytes by the first option; where
// that is refused, as in a user namespace, up to the host's limit by the second.
func setBuffer(fd, force, ask, size int) error {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, size) == nil {
		return nil
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, ask, size)
}
