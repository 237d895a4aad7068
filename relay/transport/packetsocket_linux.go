package transport

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// openPacketSocket opens a packet socket, which needs CAP_NET_RAW. It has no
// protocol, so it receives nothing until it is bound to one.
func openPacketSocket() (fd int, err error) {
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("open packet socket: %w: CAP_NET_RAW is needed (run as root or grant it)", err)
	}
	return fd, nil
}
