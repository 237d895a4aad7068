//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
)

// Lab is a network that works. See the package comment for its shape.
type Lab struct {
	Options Options // with defaults filled in

	Client  *Node   // eth0 toward the ISP, with all client addresses
	ISP     *Node   // "client" (the small MTU) and "router"
	Router  *Node   // "isp" and those that [Lab.RouterInterface] names; spreads the VIPs
	Switch  *Node   // bridge br0 with ports "router", "server0", ...; nil in shape l3
	Servers []*Node // eth0; named server0, server1, ...

	fabric fabric
}

// New builds a lab and returns once packets cross all of it in both families.
// The process must be inside [Enter]. When ctx ends before that, it returns an
// error; afterwards ctx no longer matters. Close the lab.
func New(ctx context.Context, o Options) (*Lab, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if !entered.Load() {
		return nil, errors.New("build a lab: the process is not inside its namespaces; call Enter first")
	}
	l := &Lab{Options: o, Servers: make([]*Node, o.Servers)}
	l.fabric = l.newFabric()
	if err := l.build(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("build a lab: %w", err), l.Close())
	}
	return l, nil
}

func (l *Lab) build(ctx context.Context) error {
	for _, step := range []func() error{
		l.makeNodes, l.makeQuiet, l.layCables, l.setRoles, l.number, l.route, l.limitPTBs,
		func() error { return l.awaitReady(ctx) },
	} {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// Nodes lists all nodes, client first.
func (l *Lab) Nodes() []*Node {
	var nodes []*Node
	for _, n := range append([]*Node{l.Client, l.ISP, l.Router, l.Switch}, l.Servers...) {
		if n != nil {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// VIP is the service address of a family, the first where there are several.
func (l *Lab) VIP(f Family) netip.Addr { return l.VIPAddrs(f)[0] }

// VIPAddrs are the service addresses of a family.
func (l *Lab) VIPAddrs(f Family) []netip.Addr {
	vips := make([]netip.Addr, l.Options.VIPCount)
	for i := range vips {
		vips[i] = nth(plans[f].vips, i+1)
	}
	return vips
}

// ClientAddr is client address i, from 0.
func (l *Lab) ClientAddr(f Family, i int) netip.Addr { return nth(plans[f].clients, i+1) }

// ServerAddr is the address of server i's eth0, from 0: never a VIP.
func (l *Lab) ServerAddr(f Family, i int) netip.Addr {
	_, server := l.fabric.addresses(f, i)
	return server.Addr()
}

// RouterAddr is the router's address next to server i, its gateway; in shape
// l2 that of all servers.
func (l *Lab) RouterAddr(f Family, i int) netip.Addr {
	router, _ := l.fabric.addresses(f, i)
	return router.Addr()
}

// RouterInterface is the name of the router's interface that leads to server
// i: "servers" for all in shape l2, in l3 the server's own name.
func (l *Lab) RouterInterface(i int) string { return l.fabric.toward(i) }

// ISPAddr is the address from which the ISP sends PTBs.
func (l *Lab) ISPAddr(f Family) netip.Addr { return nth(plans[f].core, 1) }

// Close kills all processes and lets go of all namespaces. A second Close
// does nothing.
func (l *Lab) Close() error {
	nodes := l.Nodes()
	return each(len(nodes), func(i int) error { return nodes[i].Close() })
}

// each runs f(0) to f(n-1) at the same time and joins the errors.
func each(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
