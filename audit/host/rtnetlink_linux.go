package host

import (
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// conn is what the readers need of a netlink connection.
type conn interface {
	Execute(netlink.Message) ([]netlink.Message, error)
}

// dial opens an rtnetlink connection that hears the legacy multicast groups of
// the bit mask. Strict checking makes the kernel honour the filters of a dump.
func dial(groups uint32) (*netlink.Conn, error) {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{Groups: groups, Strict: true})
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	return c, nil
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
	errDestination = errors.New("destination of a route is no address of its family")
)
