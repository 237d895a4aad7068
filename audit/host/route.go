package host

import (
	"errors"
	"net/netip"
	"time"
)

var (
	// ErrNoRoute says that the kernel has no way there: it knows no route, or
	// the one it knows is unreachable, prohibit or blackhole. For IPv4 also
	// that the source asked for is no address of this host.
	ErrNoRoute = errors.New("no route")
	// ErrUnsupported says that this kernel does not answer such a question.
	ErrUnsupported = errors.New("not supported by this kernel")
)

// RouteRequest is what [Query.Route] asks the kernel. Fields that are zero are
// not asked; then the kernel's choice between the next hops of a multipath
// route, and rules that select by them, may differ from the flow's.
type RouteRequest struct {
	Destination                 netip.Addr // must be given
	Source                      netip.Addr // of the same family
	Protocol                    uint8      // IP protocol number; the kernel takes TCP and UDP
	SourcePort, DestinationPort uint16
}

// Route is how the kernel would send.
type Route struct {
	// Local: to this host itself.
	Local bool
	// Source is the address that the kernel prefers to send from; the one asked
	// for, if any. The zero Addr: it has none.
	Source netip.Addr
	// Interface is the index of the link.
	Interface int
	// Gateway is the next hop; the zero Addr: the destination itself is on the
	// link, or the next hop is of the other family.
	Gateway netip.Addr
	// MTU in bytes that the route or a learned exception sets; 0: none, that of
	// the interface counts.
	MTU uint32
	// Expires is how long an exception has left, to a hundredth of a second;
	// 0: the MTU is none that was learned.
	Expires time.Duration
}
