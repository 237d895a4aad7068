package host

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Query asks the kernel where it would send, in the network namespace of the
// thread that opened it. It needs no privilege and is for one goroutine at a
// time.
type Query struct{ exchange *exchange }

// OpenQuery opens a connection to the kernel.
func OpenQuery() (*Query, error) {
	x, err := openExchange(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	return &Query{x}, nil
}

// Close ends the connection.
func (q *Query) Close() error { return q.exchange.close() }

// Route asks for the route of one packet that this host would send
// (rtnetlink(7), RTM_GETROUTE), learned exceptions included. An error that is
// [ErrNoRoute] or [ErrUnsupported] is the kernel's answer, any other a failure
// to ask.
func (q *Query) Route(r RouteRequest) (Route, error) {
	answer, err := q.route(r, 0)
	if err != nil {
		return Route{}, fmt.Errorf("route to %v: %w", r.Destination, err)
	}
	return answer, nil
}

// Local asks whether a packet to an address would stay on this host. It is one
// look-up in the FIB, while for a Route the kernel chooses a source too, among all
// addresses that the host has of IPv6 (ip6_route_get_saddr in net/ipv6/route.c):
// with 512 that takes 110 µs, and this 3.
func (q *Query) Local(a netip.Addr) (bool, error) {
	answer, err := q.route(RouteRequest{Destination: a}, unix.RTM_F_FIB_MATCH)
	if err != nil && !errors.Is(err, ErrNoRoute) {
		return false, fmt.Errorf("is %v local: %w", a, err)
	}
	return answer.Local, nil
}

// route asks with flags of struct rtmsg.
func (q *Query) route(r RouteRequest, flags uint32) (Route, error) {
	question, err := appendRouteRequest(q.exchange.begin(), r, flags)
	if err != nil {
		return Route{}, err
	}
	b, err := q.exchange.ask(question, unix.RTM_GETROUTE, unix.RTM_NEWROUTE)
	if err != nil {
		return Route{}, routeError(err)
	}
	answer, err := decodeRoute(b)
	if err != nil {
		return Route{}, err
	}
	if r.Source.IsValid() {
		answer.Source = r.Source // IPv4 does not repeat it (rt_fill_info in net/ipv4/route.c)
	}
	return answer, nil
}

// routeError finds the kernel's word on routes among its refusals (fib_props in
// net/ipv4/fib_semantics.c, ip6_rt_type_to_error in net/ipv6/route.c). EINVAL
// is a blackhole, but with an explanation it is a question not understood.
func routeError(err error) error {
	var r refusal
	if !errors.As(err, &r) {
		return err
	}
	if unix.Errno(r) == unix.EOPNOTSUPP {
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	if errors.As(err, new(explained)) {
		return err
	}
	switch unix.Errno(r) {
	case unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EACCES, unix.EINVAL:
		return fmt.Errorf("%w: %w", ErrNoRoute, err)
	}
	return err
}
