package classify

import (
	"fmt"
	"strconv"
)

// Protocol is an IP protocol number (IANA "Assigned Internet Protocol
// Numbers"): IPv4's protocol field, IPv6's last next header.
type Protocol uint8

// The protocols whose header starts with source port and destination port, so
// that eight quoted bytes name a flow.
const (
	TCP  Protocol = 6
	UDP  Protocol = 17
	DCCP Protocol = 33
	SCTP Protocol = 132
)

// Protocol numbers that the decoder itself must know.
const (
	protocolICMP     Protocol = 1
	protocolHopByHop Protocol = 0
	protocolRouting  Protocol = 43
	protocolFragment Protocol = 44
	protocolAH       Protocol = 51
	protocolICMPv6   Protocol = 58
	protocolDestOpts Protocol = 60
)

// String returns "tcp", "udp", "sctp" or "dccp", and the number for any other.
func (p Protocol) String() string {
	switch p {
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case SCTP:
		return "sctp"
	case DCCP:
		return "dccp"
	}
	return strconv.Itoa(int(p))
}

// ParseProtocol is the inverse of [Protocol.String] for the four protocols
// with ports. Others are refused: a policy that let them through would let
// every quote of that protocol through, whoever made it up.
func ParseProtocol(name string) (Protocol, error) {
	for _, p := range [...]Protocol{TCP, UDP, SCTP, DCCP} {
		if p.String() == name {
			return p, nil
		}
	}
	return 0, fmt.Errorf("unknown protocol %q: want tcp, udp, sctp or dccp", name)
}

// hasPorts tells whether the first four bytes of the header are two ports.
func (p Protocol) hasPorts() bool {
	return p == TCP || p == UDP || p == SCTP || p == DCCP
}
