package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// maxPeers bounds the peers of one server: with more, whoever provokes one PTB
// has thousands of datagrams sent.
const maxPeers = 4096

// ParsePeer reads an address or address:port, an IPv6 address in brackets where
// a port follows. Without one the port is 0, which stands for udp.port. Refused
// is what is not one routed host: a zone, an IPv4 address written as IPv6, an
// unspecified, multicast, broadcast or IPv6 link-local address.
func ParsePeer(text string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(a, 0), checkHost(a)
	}
	p, err := netip.ParseAddrPort(text)
	port := text[strings.LastIndexByte(text, ':')+1:]
	switch {
	case err != nil || !decimal(port):
		return netip.AddrPort{}, fmt.Errorf("%s is neither address nor address:port; write it as 192.0.2.2, 192.0.2.2:7690, 2001:db8::2 or [2001:db8::2]:7690", quote(text))
	case p.Port() == 0:
		return netip.AddrPort{}, fmt.Errorf("%s has port 0; 1 to 65535, or the address alone for udp.port", quote(text))
	}
	return p, checkHost(p.Addr())
}

// StaticPeers returns peers.static, udp.port where an item has no port. c is
// valid.
func (c *Config) StaticPeers() []netip.AddrPort {
	peers := make([]netip.AddrPort, len(c.Peers.Static))
	for i, p := range c.Peers.Static {
		peers[i] = withPort(p, c.UDP.Port)
	}
	return peers
}

func withPort(p netip.AddrPort, port uint16) netip.AddrPort {
	if p.Port() != 0 {
		return p
	}
	return netip.AddrPortFrom(p.Addr(), port)
}

// peerText writes a peer as [ParsePeer] reads it.
func peerText(p netip.AddrPort) string {
	if p.Port() == 0 {
		return p.Addr().String()
	}
	return p.String()
}

// checkHost returns why a cannot be the address by which members know a server,
// or nil.
func checkHost(a netip.Addr) error {
	switch {
	case !a.IsValid():
		return fmt.Errorf("not an address; write it as 192.0.2.2 or 2001:db8::2")
	case a.Zone() != "":
		return fmt.Errorf("%s has a zone; members talk over routed addresses, write one of those", quote(a.String()))
	case a.Is4In6():
		return fmt.Errorf("%s is IPv4 written as IPv6; did you mean %s", a, a.Unmap())
	case a.IsUnspecified():
		return fmt.Errorf("%s is every address and none; write the one of a server", a)
	case a.IsMulticast() || a == broadcastAddress:
		return fmt.Errorf("%s is not the address of one server; write a unicast address", a)
	case a.Is6() && a.IsLinkLocalUnicast():
		return fmt.Errorf("%s is link-local; members talk over routed addresses, write one of those", a)
	}
	return nil
}

// broadcastAddress is the limited broadcast of RFC 919.
var broadcastAddress = netip.AddrFrom4([4]byte{255, 255, 255, 255})
