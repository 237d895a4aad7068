//go:build linux

package lab

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// SendFrame puts one Ethernet frame, header included and unchanged, on the
// node's interface.
func (n *Node) SendFrame(iface string, frame []byte) error {
	link, err := n.handle.LinkByName(iface)
	if err != nil {
		return fmt.Errorf("node %s: interface %s: %w", n.name, iface, err)
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.closed {
		return fmt.Errorf("node %s: %w", n.name, ErrClosed)
	}
	to := &unix.SockaddrLinklayer{Ifindex: link.Attrs().Index}
	if err := unix.Sendto(n.raw, frame, 0, to); err != nil {
		return fmt.Errorf("node %s: send a frame of %d bytes on %s: %w", n.name, len(frame), iface, err)
	}
	return nil
}
