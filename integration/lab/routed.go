//go:build linux

package lab

import "net/netip"

// routed is the fabric of [ShapeRouted]: a cable from each server to the
// router, with a network of two addresses (RFC 3021, RFC 6164).
type routed struct{ lab *Lab }

func (r routed) lay() error {
	for i := range r.lab.Servers {
		server := r.lab.cable(i)
		router := end{node: r.lab.Router, iface: r.toward(i), mtu: server.mtu, id: server.id + 1}
		if err := connect(server, router); err != nil {
			return err
		}
	}
	return nil
}

func (r routed) toward(i int) string { return serverName(i) }

func (r routed) addresses(f Family, i int) (router, server netip.Prefix) {
	first := nth(plans[f].fabric, 2*i)
	link := netip.PrefixFrom(first, first.BitLen()-1)
	return link, with(first.Next(), link)
}
