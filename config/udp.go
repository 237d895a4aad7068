package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// ListenAddresses returns the addresses to send from and receive on, at most one
// a family, in the order given; none where the host is to choose. u is valid.
func (u UDP) ListenAddresses() []netip.Addr {
	addresses, _ := parseListen(u.Listen) // a valid one has no error
	return addresses
}

func parseListen(text string) ([]netip.Addr, error) {
	if text == "" {
		return nil, nil
	}
	var addresses []netip.Addr
	for part := range strings.SplitSeq(text, ",") {
		a, err := netip.ParseAddr(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("%s is not an address; write one a family without port, such as 192.0.2.2 or \"192.0.2.2, 2001:db8::2\"", quote(strings.TrimSpace(part)))
		}
		if err := checkHost(a); err != nil {
			return nil, err
		}
		for _, other := range addresses {
			if other.BitLen() == a.BitLen() {
				return nil, fmt.Errorf("%s and %s are of one family; write one of them", other, a)
			}
		}
		addresses = append(addresses, a)
	}
	return addresses, nil
}
