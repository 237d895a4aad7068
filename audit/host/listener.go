package host

import "net/netip"

// MaxListeners is how many listeners are read at most.
const MaxListeners = 65536

// Listener is a TCP socket that listens, or a UDP socket that is bound and not
// connected.
type Listener struct {
	UDP bool
	// Local is what it is bound to; the unspecified address is all of the family,
	// and of IPv4 as well where IPv6Only is false. A socket of IPv6 that is bound
	// to an IPv4 address has that.
	Local    netip.AddrPort
	IPv6Only bool
}
