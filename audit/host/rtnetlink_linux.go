package host

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/mdlayher/netlink"
)

// conn is what the readers need of a netlink connection.
type conn interface {
	Execute(netlink.Message) ([]netlink.Message, error)
}

// dial opens a netlink connection that hears the multicast groups of the bit
// mask. Strict checking makes the kernel honour the filters of a dump.
func dial(family int, groups uint32) (*netlink.Conn, error) {
	c, err := netlink.Dial(family, &netlink.Config{Groups: groups, Strict: true})
	if err != nil {
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	return c, nil
}

// dialRaw is dial for who reads and writes the socket in memory of its own.
func dialRaw(family int) (*netlink.Conn, syscall.RawConn, error) {
	c, err := dial(family, 0)
	if err != nil {
		return nil, nil, err
	}
	raw, err := c.SyscallConn()
	if err != nil {
		_ = c.Close() // the error on the way out is the one to report
		return nil, nil, fmt.Errorf("open netlink: %w", err)
	}
	return c, raw, nil
}

// dump sends a dump request. A table that changes meanwhile makes an event, and
// whoever watches reads again.
func dump(c conn, kind netlink.HeaderType, body []byte) ([]netlink.Message, error) {
	return c.Execute(netlink.Message{
		Header: netlink.Header{Type: kind, Flags: netlink.Request | netlink.Dump},
		Data:   body,
	})
}

var (
	errShort       = errors.New("message shorter than its fixed header")
	errAddress     = errors.New("address or prefix is not of its family")
	errFamilies    = errors.New("addresses must be of one family, without zones")
	errOtherSocket = errors.New("the kernel answers with a socket of other ports")
)
