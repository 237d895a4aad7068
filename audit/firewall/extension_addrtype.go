package firewall

import "encoding/binary"

// Bits of the types of xt_addrtype, by the route type's number, and its flags
// (linux/netfilter/xt_addrtype.h).
const (
	addrInvertSource      = 1 << 0
	addrInvertDestination = 1 << 1
	addrLimitInput        = 1 << 2
	addrLimitOutput       = 1 << 3

	addrUnicast   = 1 << routeUnicast
	addrLocal     = 1 << routeLocal
	addrBroadcast = 1 << routeBroadcast
	addrAnycast   = 1 << routeAnycast
	addrMulticast = 1 << routeMulticast
)

// decodeAddrType reads struct xt_addrtype_info and struct xt_addrtype_info_v1.
func decodeAddrType(revision uint32, info []byte) expression {
	var a addrType
	switch {
	case revision == 0 && len(info) >= 12:
		if binary.NativeEndian.Uint32(info[4:]) != 0 {
			a.flags |= addrInvertSource
		}
		if binary.NativeEndian.Uint32(info[8:]) != 0 {
			a.flags |= addrInvertDestination
		}
	case revision == 1 && len(info) >= 8:
		a.flags = binary.NativeEndian.Uint32(info[4:])
	default:
		return nil
	}
	a.source, a.destination = binary.NativeEndian.Uint16(info), binary.NativeEndian.Uint16(info[2:])
	return extension{a.text(), a.holds}
}

type addrType struct {
	source, destination uint16
	flags               uint32
}

func (a addrType) holds(r *run) match {
	if r.rewritten || r.segment != nil {
		return maybe
	}
	m := yes
	if a.source != 0 {
		m = m.and(a.inverted(addrInvertSource, sourceIs(a.source)))
	}
	if a.destination != 0 {
		m = m.and(a.inverted(addrInvertDestination, a.destinationIs(r.ipv6)))
	}
	return m
}

func (a addrType) inverted(flag uint32, m match) match {
	if a.flags&flag != 0 {
		return m.not()
	}
	return m
}

// sourceIs: a router's address is none of ours, nor any that is no host's.
func sourceIs(types uint16) match {
	if types&^(addrLocal|addrBroadcast|addrAnycast|addrMulticast) == 0 {
		return no
	}
	return maybe
}

// destinationIs: a VIP is local, though perhaps not on that interface. IPv6 knows
// unicast by the address itself, and wants all of multicast, unicast and the rest
// (match_type6 in net/netfilter/xt_addrtype.c).
func (a addrType) destinationIs(ipv6 bool) match {
	if a.flags&(addrLimitInput|addrLimitOutput) != 0 {
		return maybe
	}
	if !ipv6 {
		return certain(a.destination&addrLocal != 0)
	}
	switch rest := a.destination &^ addrUnicast; {
	case rest&addrMulticast != 0:
		return no
	case rest == 0 || rest == addrLocal:
		return yes
	}
	return maybe
}

func (a addrType) text() string {
	if a == (addrType{destination: addrLocal, flags: a.flags &^ addrInvertDestination}) {
		return "fib daddr type local"
	}
	return "addrtype …"
}
