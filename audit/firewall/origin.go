package firewall

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
)

// origin is a field of a packet of which some values are ruled out, though its
// value is not known.
type origin struct {
	bytes int
	// excludes reports whether no packet has a value from low to high.
	excludes func(low, high []byte) bool
}

// word is the whole field.
func (o *origin) word() word {
	w := make(word, o.bytes)
	for i := range w {
		w[i] = octet{from: o, at: uint8(i)}
	}
	return w
}

var (
	sourceIPv4      = &origin{4, inside(notPublic4)}
	sourceIPv6      = &origin{16, inside(notPublic6)}
	destinationIPv4 = &origin{4, inside(notVIP4)}
	destinationIPv6 = &origin{16, inside(notVIP6)}
	interfaceName   = &origin{nameBytes, func(low, high []byte) bool {
		return bytes.HasPrefix(low, []byte(loopbackName)) && bytes.HasPrefix(high, []byte(loopbackName))
	}}
	interfaceIndex = &origin{4, func(low, high []byte) bool {
		return bytes.Equal(low, high) && binary.NativeEndian.Uint32(low) == loopbackIndex
	}}
	interfaceType = &origin{2, func(low, high []byte) bool {
		return bytes.Equal(low, high) && binary.NativeEndian.Uint16(low) == loopbackType
	}}
	// sourceType is what the FIB calls the source, a route type.
	sourceType = &origin{4, func(low, high []byte) bool {
		return bytes.Equal(low, high) && slices.Contains(notRouter, binary.NativeEndian.Uint32(low))
	}}
)

var (
	// notPublic are addresses that a router on the Internet does not send from
	// (the IANA special-purpose registries). Documentation prefixes are left out:
	// labs use them.
	notPublic4 = prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3")
	notPublic6 = prefixes("::/96", "::ffff:0.0.0.0/96", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8")
	// notVIP are addresses that no VIP has.
	notVIP4 = prefixes("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3")
	notVIP6 = prefixes("::/96", "::ffff:0.0.0.0/96", "fe80::/10", "ff00::/8")
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, t := range texts {
		all = append(all, netip.MustParsePrefix(t))
	}
	return all
}

const (
	loopbackIndex = 1   // LOOPBACK_IFINDEX
	loopbackType  = 772 // ARPHRD_LOOPBACK
	loopbackName  = "lo\x00"
)

// Route types (linux/rtnetlink.h).
const (
	routeUnicast   = 1
	routeLocal     = 2
	routeBroadcast = 3
	routeAnycast   = 4
	routeMulticast = 5
)

// notRouter are the types of addresses that a router elsewhere does not have.
var notRouter = []uint32{routeLocal, routeBroadcast, routeAnycast, routeMulticast}

// inside excludes what is inside of one of the prefixes.
func inside(prefixes []netip.Prefix) func(low, high []byte) bool {
	return func(low, high []byte) bool {
		first, _ := netip.AddrFromSlice(low)
		last, _ := netip.AddrFromSlice(high)
		return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(first) && p.Contains(last) })
	}
}
