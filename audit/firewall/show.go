package firewall

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// bigEndian: the host's byte order is the network's.
var bigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

func showHex(b []byte) string { return fmt.Sprintf("0x%x", b) }

// hostNumber reads up to eight bytes in the host's order, showing others as they
// are.
func hostNumber(b []byte) (uint64, bool) {
	if len(b) > 8 {
		return 0, false
	}
	var v [8]byte
	if bigEndian {
		copy(v[8-len(b):], b)
	} else {
		copy(v[:], b)
	}
	return binary.NativeEndian.Uint64(v[:]), true
}

func showNumber(b []byte) string {
	if n, ok := hostNumber(b); ok {
		return strconv.FormatUint(n, 10)
	}
	return showHex(b)
}

func showFlags(b []byte) string {
	if n, ok := hostNumber(b); ok {
		return fmt.Sprintf("0x%x", n)
	}
	return showHex(b)
}

// showBig shows a number in network byte order.
func showBig(b []byte) string {
	if len(b) > 8 {
		return showHex(b)
	}
	var n uint64
	for _, v := range b {
		n = n<<8 | uint64(v)
	}
	return strconv.FormatUint(n, 10)
}

func showName(b []byte) string {
	name, _, ended := strings.Cut(string(b), "\x00")
	if !ended && len(b) < nameBytes {
		name += "*"
	}
	return strconv.Quote(name)
}

func showAddress(b []byte) string {
	if a, ok := netip.AddrFromSlice(b); ok {
		return a.String()
	}
	return showHex(b)
}

// named shows numbers by names.
func named(names map[uint64]string) func([]byte) string {
	return func(b []byte) string {
		n, ok := hostNumber(b)
		if name := names[n]; ok && name != "" {
			return name
		}
		return showNumber(b)
	}
}

// showRoute shows whether a look-up found a route, or what it found.
func showRoute(b []byte) string {
	switch n, ok := hostNumber(b); {
	case ok && n == 0:
		return "missing"
	case ok && n == 1:
		return "exists"
	}
	return showHex(b)
}

var (
	showProtocol = named(map[uint64]string{1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 33: "dccp", 47: "gre", 50: "esp", 51: "ah", 58: "ipv6-icmp", 132: "sctp"})
	showFamily   = named(map[uint64]string{2: "ipv4", 10: "ipv6"})

	showPacketType = named(map[uint64]string{0: "host", 1: "broadcast", 2: "multicast", 3: "other"})
	showRouteType  = named(map[uint64]string{routeUnicast: "unicast", routeLocal: "local", routeBroadcast: "broadcast",
		routeAnycast: "anycast", routeMulticast: "multicast"})
)

// showStates shows bits of ct state.
func showStates(b []byte) string {
	n, ok := hostNumber(b)
	if !ok {
		return showHex(b)
	}
	var names []string
	for _, s := range []struct {
		bit  uint64
		name string
	}{{ctInvalid, "invalid"}, {ctEstablished, "established"}, {ctRelated, "related"}, {ctNew, "new"}, {ctUntracked, "untracked"}} {
		if n&s.bit != 0 {
			names = append(names, s.name)
			n &^= s.bit
		}
	}
	if n != 0 || len(names) == 0 {
		names = append(names, fmt.Sprintf("0x%x", n))
	}
	return strings.Join(names, ",")
}
