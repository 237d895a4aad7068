package host

import (
	"iter"

	"github.com/mdlayher/netlink"
)

// iterate sends a dump request as dump does, and gives the answers one by one,
// for tables that may be longer than what is kept of them.
func iterate(c *netlink.Conn, kind netlink.HeaderType, body []byte) iter.Seq2[netlink.Message, error] {
	return func(yield func(netlink.Message, error) bool) {
		if _, err := c.Send(netlink.Message{
			Header: netlink.Header{Type: kind, Flags: netlink.Request | netlink.Dump},
			Data:   body,
		}); err != nil {
			yield(netlink.Message{}, err)
			return
		}
		c.ReceiveIter()(yield)
	}
}
