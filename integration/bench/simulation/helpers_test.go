package simulation

import (
	"net/netip"

	"ptbrelay/classify"
)

// ptb is one about a flow of the n-th client.
func ptb(router netip.Addr, n uint32) *classify.Message {
	m := new(classify.Message)
	fill(m, router, netip.AddrPortFrom(client(n), firstPort))
	return m
}
