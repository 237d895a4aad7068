//go:build linux

package lab

import (
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// MatchPTB is a rule's test for PTBs of a family: ICMP type 3 code 4, or ICMPv6
// type 2.
func MatchPTB(f Family) []expr.Any {
	family, protocol, first := byte(unix.NFPROTO_IPV4), byte(unix.IPPROTO_ICMP), []byte{3, 4}
	if f == IPv6 {
		family, protocol, first = unix.NFPROTO_IPV6, unix.IPPROTO_ICMPV6, []byte{2}
	}
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{family}},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{protocol}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: uint32(len(first))},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: first},
	}
}

// nftables talks nf_tables in the node's network namespace.
func (n *Node) nftables() (*nftables.Conn, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.closed {
		return nil, fmt.Errorf("node %s: %w", n.name, ErrClosed)
	}
	c, err := nftables.New(nftables.WithNetNSFd(n.netfd))
	if err != nil {
		return nil, fmt.Errorf("node %s: open nf_tables: %w", n.name, err)
	}
	return c, nil
}
