package peers

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// parse reads an address or address:port; without one it gets the port given.
func parse(text string, port uint16) (netip.AddrPort, error) {
	p, err := netip.ParseAddrPort(text)
	if a, addrErr := netip.ParseAddr(text); addrErr == nil {
		p, err = netip.AddrPortFrom(a, port), nil
	}
	if err != nil || p.Port() == 0 {
		return netip.AddrPort{}, fmt.Errorf("%s is neither address nor address:port; write it as 192.0.2.2, 192.0.2.2:7690, 2001:db8::2 or [2001:db8::2]:7690", quote(text))
	}
	return p, check(p.Addr())
}

// check refuses what peers.static refuses: all that is not one routed host.
func check(a netip.Addr) error {
	switch {
	case a.Zone() != "" || a.Is6() && a.IsLinkLocalUnicast():
		return fmt.Errorf("%s is link-local; write a routed address", quote(a.String()))
	case a.Is4In6():
		return fmt.Errorf("%s is IPv4 written as IPv6; write %s", a, a.Unmap())
	case a.IsUnspecified() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("%s is not the address of one server; write a unicast address", a)
	}
	return nil
}

// quote makes any text fit for a log line.
func quote(text string) string {
	const most = 64
	if len(text) > most {
		return strconv.Quote(strings.ToValidUTF8(text[:most], "")) + "..."
	}
	return strconv.Quote(text)
}
