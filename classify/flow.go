package classify

import (
	"encoding/binary"
	"net/netip"
)

// MTU is a next-hop MTU in bytes, IP header included, as a PTB reports it: 16
// bits in ICMP (RFC 1191 §4), 32 bits in ICMPv6 (RFC 4443 §3.2). It is a type
// of its own so that it is never taken for a length of something else.
type MTU uint32

// Offsets in a [Flow].
const (
	flowVIP        = 0
	flowClient     = 16
	flowVIPPort    = 32
	flowClientPort = 34
	flowProtocol   = 36
	flowSize       = 37
)

// Flow is what a quote names, packed to be a key in tables: 16 bytes VIP, 16
// bytes client (IPv4 as v4-mapped, RFC 4291 §2.5.5.2), VIP port, client port
// (both big endian), protocol. The ports of a protocol without ports are zero.
//
// A packed array is hashed by maphash as one piece of memory. A struct of
// netip.AddrPort would be more than twice the size and hold two pointers.
type Flow [flowSize]byte

// MakeFlow packs a flow. Zones are dropped.
func MakeFlow(p Protocol, vip, client netip.AddrPort) Flow {
	var f Flow
	*(*[16]byte)(f[flowVIP:]) = vip.Addr().As16()
	*(*[16]byte)(f[flowClient:]) = client.Addr().As16()
	binary.BigEndian.PutUint16(f[flowVIPPort:], vip.Port())
	binary.BigEndian.PutUint16(f[flowClientPort:], client.Port())
	f[flowProtocol] = byte(p)
	return f
}

// VIP returns the address of the server's side.
func (f Flow) VIP() netip.Addr {
	return netip.AddrFrom16([16]byte(f[flowVIP:])).Unmap()
}

// Client returns the address of the client's side.
func (f Flow) Client() netip.Addr {
	return netip.AddrFrom16([16]byte(f[flowClient:])).Unmap()
}

// VIPPort returns the server's port.
func (f Flow) VIPPort() uint16 { return binary.BigEndian.Uint16(f[flowVIPPort:]) }

// ClientPort returns the client's port.
func (f Flow) ClientPort() uint16 { return binary.BigEndian.Uint16(f[flowClientPort:]) }

// Protocol returns the quoted protocol.
func (f Flow) Protocol() Protocol { return Protocol(f[flowProtocol]) }

// String returns for example "tcp 192.0.2.1:443 > 203.0.113.9:5000".
func (f Flow) String() string {
	vip := netip.AddrPortFrom(f.VIP(), f.VIPPort())
	client := netip.AddrPortFrom(f.Client(), f.ClientPort())
	return f.Protocol().String() + " " + vip.String() + " > " + client.String()
}

// Key is a [Flow] and its next-hop MTU in 4 bytes, big endian. Two PTBs with
// one key teach the same thing.
type Key [flowSize + 4]byte
