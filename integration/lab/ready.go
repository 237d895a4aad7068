//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// discardPort is where nobody listens, so the kernel answers with an ICMP
// error (RFC 863's service is not run).
const discardPort = 9

// readyWithin bounds the wait for the network.
const readyWithin = 5 * time.Second

// probeEvery is the pace of readiness probes: slow enough for the kernel's
// limit on ICMP errors (a burst of 6, then 1/s a destination) to last.
const probeEvery = 100 * time.Millisecond

// awaitReady proves a round trip from the client to each server's own address
// in both families. It resolves every neighbour on the way and teaches a switch
// where everybody is, so that no unicast is flooded afterwards.
func (l *Lab) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if err := l.awaitInterfaces(ctx); err != nil {
		return err
	}
	families := Families()
	return each(len(families)*len(l.Servers), func(i int) error {
		to := l.ServerAddr(families[i/len(l.Servers)], i%len(l.Servers))
		if err := roundTrip(ctx, l.Client, to); err != nil {
			return fmt.Errorf("no round trip from client to %v (%s): %w", to, serverName(i%len(l.Servers)), err)
		}
		return nil
	})
}

// interfaceEvery is the pace at which interfaces are looked at.
const interfaceEvery = time.Millisecond

// awaitInterfaces waits until every interface is operational and no address is
// tentative. The kernel gives a new cable's first end its queue a moment after
// the second end came up, and joins an IPv6 address's solicited-node group a
// moment after it was added. A neighbour asked for before that is asked for
// again only a second later.
func (l *Lab) awaitInterfaces(ctx context.Context) error {
	nodes := l.Nodes()
	return each(len(nodes), func(i int) error {
		for {
			what, err := nodes[i].notReady()
			if err != nil || what == "" {
				return err
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("node %s: %s: %w", nodes[i].name, what, context.Cause(ctx))
			case <-time.After(interfaceEvery):
			}
		}
	})
}

// notReady names an interface or an address that cannot be used yet, if there
// is one.
func (n *Node) notReady() (string, error) {
	links, err := n.handle.LinkList()
	if err != nil {
		return "", fmt.Errorf("node %s: list interfaces: %w", n.name, err)
	}
	for _, link := range links {
		a := link.Attrs()
		if a.Name != "lo" && a.OperState != netlink.OperUp {
			return "interface " + a.Name + " is not up", nil
		}
	}
	addresses, err := n.handle.AddrList(nil, netlink.FAMILY_V6)
	if err != nil {
		return "", fmt.Errorf("node %s: list addresses: %w", n.name, err)
	}
	for _, a := range addresses {
		if a.Flags&unix.IFA_F_TENTATIVE != 0 {
			return "address " + a.IPNet.String() + " is tentative", nil
		}
	}
	return "", nil
}

// roundTrip sends datagrams to a closed port until the refusal comes back.
func roundTrip(ctx context.Context, from *Node, to netip.Addr) error {
	conn, err := from.Dial(ctx, "udp", netip.AddrPortFrom(to, discardPort).String())
	if err != nil {
		return err
	}
	defer conn.Close()
	for {
		// A write may report what the last datagram met: the refusal included.
		_, err := conn.Write([]byte{0})
		if err == nil {
			if err := conn.SetReadDeadline(time.Now().Add(probeEvery)); err != nil {
				return err
			}
			_, err = conn.Read(make([]byte, 1))
		}
		var timeout net.Error
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			return nil
		case ctx.Err() != nil:
			return errors.Join(context.Cause(ctx), err)
		case errors.As(err, &timeout) && timeout.Timeout():
		case err != nil:
			// Unreachable while neighbours are resolved: keep the pace.
			select {
			case <-ctx.Done():
			case <-time.After(probeEvery):
			}
		}
	}
}
