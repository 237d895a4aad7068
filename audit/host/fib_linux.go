package host

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Offsets in struct rtmsg (linux/rtnetlink.h) beside those of local_linux.go.
const (
	rtmTOS      = 3
	rtmTable    = 4
	rtmProtocol = 5
)

const (
	// struct rtnexthop (linux/rtnetlink.h).
	rtnhFlags     = 2
	rtnhInterface = 4
	rtnhBytes     = unix.SizeofRtNexthop

	rtaNexthopID = 30 // RTA_NH_ID, which x/sys/unix lacks
	viaFamily    = 2  // bytes of the family before the address of RTA_VIA
)

// isIP reports whether a message is of IP. Where the kernel lacks a family, and
// where all are asked for, it sends others too.
func isIP(family uint8) bool { return family == unix.AF_INET || family == unix.AF_INET6 }

// decodeFIBRoute reads struct rtmsg of an IP route and its attributes, host byte
// order, into r, of which it uses the memory of the next hops again.
func decodeFIBRoute(b []byte, r *FIBRoute) error {
	if len(b) < rtmsgBytes {
		return errShort
	}
	family := b[rtmFamily]
	*r = FIBRoute{
		Table:    uint32(b[rtmTable]),
		Type:     RouteType(b[rtmType]),
		Origin:   RouteOrigin(b[rtmProtocol]),
		TOS:      b[rtmTOS],
		NextHops: r.NextHops[:0],
	}
	hop := nextHop(b[rtmFlags]) // RTNH_F_* are its lowest byte
	r.Destination = netip.PrefixFrom(unspecified(family), 0)
	a := attributes{rest: b[rtmsgBytes:]}
	for a.next() {
		switch a.kind {
		case unix.RTA_DST:
			r.Destination = a.prefix(family, b[rtmDstLen])
		case unix.RTA_SRC:
			r.Source = a.prefix(family, b[rtmSrcLen])
		case unix.RTA_TABLE:
			r.Table = a.number()
		case unix.RTA_PRIORITY:
			r.Metric = a.number()
		case unix.RTA_METRICS:
			var m metrics
			m, a.err = decodeMetrics(a.value)
			r.MTU, r.MTULocked, r.AdvMSS = m.mtu, m.mtuLocked, m.advMSS
		case unix.RTA_MULTIPATH:
			r.NextHops, a.err = decodeMultipath(a.value, family, r.NextHops)
		case rtaNexthopID:
			r.Object = a.number()
		default:
			hop.decode(&a, family)
		}
	}
	if a.err != nil {
		return a.err
	}
	if len(r.NextHops) == 0 && (hop.Interface != 0 || hop.Gateway.IsValid()) {
		r.NextHops = append(r.NextHops, hop)
	}
	return nil
}

// metrics are what RTA_METRICS says of sizes, in bytes; 0: nothing.
type metrics struct {
	mtu, advMSS uint32
	mtuLocked   bool
}

// decodeMetrics reads them; RTAX_LOCK has a bit for each metric that is locked.
func decodeMetrics(b []byte) (m metrics, err error) {
	a := attributes{rest: b}
	for a.next() {
		switch a.kind {
		case unix.RTAX_LOCK:
			m.mtuLocked = a.number()&(1<<unix.RTAX_MTU) != 0
		case unix.RTAX_MTU:
			m.mtu = a.number()
		case unix.RTAX_ADVMSS:
			m.advMSS = a.number()
		}
	}
	return m, a.err
}

// decodeMultipath appends the next hops of RTA_MULTIPATH: each a struct
// rtnexthop with attributes of its own.
func decodeMultipath(b []byte, family uint8, hops []NextHop) ([]NextHop, error) {
	for len(b) > 0 {
		if len(b) < rtnhBytes {
			return hops, errShort
		}
		length := int(binary.NativeEndian.Uint16(b))
		if length < rtnhBytes || length > len(b) {
			return hops, errShort
		}
		hop := nextHop(b[rtnhFlags])
		hop.Interface = int(int32(binary.NativeEndian.Uint32(b[rtnhInterface:])))
		a := attributes{rest: b[rtnhBytes:length]}
		for a.next() {
			hop.decode(&a, family)
		}
		if a.err != nil {
			return hops, a.err
		}
		hops = append(hops, hop)
		b = b[min(align(length), len(b)):]
	}
	return hops, nil
}

// nextHop is one with the kernel's flags RTNH_F_*.
func nextHop(flags uint8) NextHop {
	return NextHop{Dead: flags&unix.RTNH_F_DEAD != 0, LinkDown: flags&unix.RTNH_F_LINKDOWN != 0}
}

// decode takes an attribute of a route or of one of its next hops.
func (h *NextHop) decode(a *attributes, family uint8) {
	switch a.kind {
	case unix.RTA_GATEWAY:
		h.Gateway = a.addressOf(family)
	case unix.RTA_VIA:
		h.Gateway = a.via()
	case unix.RTA_OIF:
		h.Interface = int(int32(a.number()))
	}
}

// prefix reads an address as one with that many bits.
func (a *attributes) prefix(family, bits uint8) netip.Prefix {
	p := netip.PrefixFrom(a.addressOf(family), int(bits))
	if a.err == nil && !p.IsValid() {
		a.err = errAddress
	}
	return p
}

// via reads struct rtvia: an address with its family before it, host byte order.
// One of a family other than IP is no gateway that we know.
func (a *attributes) via() netip.Addr {
	if len(a.value) < viaFamily {
		a.err = errShort
		return netip.Addr{}
	}
	family := binary.NativeEndian.Uint16(a.value)
	if family != unix.AF_INET && family != unix.AF_INET6 {
		return netip.Addr{}
	}
	a.value = a.value[viaFamily:]
	return a.addressOf(uint8(family))
}

// addressOf reads an address of that family, IPv4 mapped into IPv6 included:
// the FIB may hold any.
func (a *attributes) addressOf(family uint8) netip.Addr {
	address, ok := netip.AddrFromSlice(a.value)
	if !ok || address.BitLen() != unspecified(family).BitLen() {
		a.err = errAddress
	}
	return address
}

// unspecified is the address of all bits zero; the zero Addr for a family that is
// not IP.
func unspecified(family uint8) netip.Addr {
	switch family {
	case unix.AF_INET:
		return netip.IPv4Unspecified()
	case unix.AF_INET6:
		return netip.IPv6Unspecified()
	}
	return netip.Addr{}
}
