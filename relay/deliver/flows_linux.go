package deliver

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"ptbrelay/audit/host"
	"ptbrelay/classify"
)

// ownership is what the kernel says of a flow.
type ownership uint8

const (
	unasked ownership = iota
	owned             // a socket here has it
	foreign           // none has
	untold            // it cannot tell
)

// flows asks the kernel for the sockets and the path MTU of flows. It is for one
// goroutine at a time.
type flows struct {
	query   *host.Query
	sockets *host.Sockets
	links   int // any socket, to ask for the MTU of links by
}

func openFlows() (*flows, error) {
	q, err := host.OpenQuery()
	if err != nil {
		return nil, err
	}
	s, err := host.OpenSockets()
	if err != nil {
		return nil, errors.Join(err, q.Close())
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open a socket: %w", err), q.Close(), s.Close())
	}
	return &flows{query: q, sockets: s, links: fd}, nil
}

// Close ends the connections.
func (f *flows) Close() error {
	return errors.Join(f.query.Close(), f.sockets.Close(), unix.Close(f.links))
}

// owner looks the flow's socket up.
func (f *flows) owner(flow classify.Flow) (host.Socket, ownership) {
	vip, client := ends(flow)
	s, found, err := f.sockets.Find(uint8(flow.Protocol()), vip, client)
	switch {
	case err != nil:
		return host.Socket{}, untold
	case !found, s.Listening:
		return host.Socket{}, foreign
	}
	return s, owned
}

// mtu is the path MTU in bytes of a flow whose socket was found: the socket's own
// where it is TCP; the route's for UDP, whose socket may be that of many flows.
func (f *flows) mtu(flow classify.Flow, s host.Socket) (mtu uint32, known bool) {
	if flow.Protocol() == classify.TCP {
		return s.PathMTU, s.PathMTU != 0
	}
	vip, client := ends(flow)
	r, err := f.query.Route(host.RouteRequest{
		Destination: client.Addr(), DestinationPort: client.Port(),
		Source: vip.Addr(), SourcePort: vip.Port(), Protocol: uint8(flow.Protocol()),
	})
	if err != nil {
		return 0, false
	}
	mtu, err = routeMTU(f.links, r)
	return mtu, err == nil
}

func ends(flow classify.Flow) (vip, client netip.AddrPort) {
	return netip.AddrPortFrom(flow.VIP(), flow.VIPPort()), netip.AddrPortFrom(flow.Client(), flow.ClientPort())
}
