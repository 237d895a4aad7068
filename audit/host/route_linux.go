package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// tick is the unit of rtnetlink's times: USER_HZ is 100 wherever Go runs.
	tick = time.Second / 100
	// cacheExpires is the offset of rta_expires in struct rta_cacheinfo.
	cacheExpires = 8
)

// appendRouteRequest appends struct rtmsg and its attributes as strict checking
// wants them (inet_rtm_valid_getroute_req in net/ipv4/route.c and
// inet6_rtm_valid_getroute_req in net/ipv6/route.c). An unspecified destination
// is refused, for the kernel takes it for itself.
func appendRouteRequest(b []byte, r RouteRequest, flags uint32) ([]byte, error) {
	family, ok := familyOf(r.Destination)
	if !ok || r.Destination.IsUnspecified() {
		return nil, errors.New("must be an address that packets carry")
	}
	header := [rtmsgBytes]byte{rtmFamily: family, rtmDstLen: uint8(r.Destination.BitLen())}
	if r.Source.IsValid() {
		if f, ok := familyOf(r.Source); !ok || f != family {
			return nil, fmt.Errorf("source %v is of another family", r.Source)
		}
		header[rtmSrcLen] = uint8(r.Source.BitLen())
	}
	binary.NativeEndian.PutUint32(header[rtmFlags:], flags)
	b = append(b, header[:]...)
	b = appendAddressAttribute(b, unix.RTA_DST, r.Destination)
	b = appendAddressAttribute(b, unix.RTA_SRC, r.Source)
	if r.Protocol != 0 {
		b = appendAttribute(b, unix.RTA_IP_PROTO, r.Protocol)
	}
	b = appendPort(b, unix.RTA_SPORT, r.SourcePort)
	return appendPort(b, unix.RTA_DPORT, r.DestinationPort), nil
}

// appendAddressAttribute appends an address, none for the zero Addr.
func appendAddressAttribute(b []byte, kind uint16, a netip.Addr) []byte {
	if !a.IsValid() {
		return b
	}
	var address [16]byte
	return appendAttribute(b, kind, appendAddress(address[:0], a)...)
}

// appendPort appends a port, none for 0.
func appendPort(b []byte, kind, port uint16) []byte {
	if port == 0 {
		return b
	}
	return appendAttribute(b, kind, byte(port>>8), byte(port))
}

// decodeRoute reads the answer to RTM_GETROUTE.
func decodeRoute(b []byte) (Route, error) {
	if len(b) < rtmsgBytes {
		return Route{}, errShort
	}
	r := Route{Local: b[rtmType] == unix.RTN_LOCAL}
	// Routes of IPv6 that were advertised expire too; what was learned of one
	// destination has this flag.
	exception := binary.NativeEndian.Uint32(b[rtmFlags:])&unix.RTM_F_CLONED != 0
	a := attributes{rest: b[rtmsgBytes:]}
	for a.next() {
		switch a.kind {
		case unix.RTA_PREFSRC:
			r.Source = a.addressOf(b[rtmFamily])
		case unix.RTA_GATEWAY:
			r.Gateway = a.addressOf(b[rtmFamily])
		case unix.RTA_OIF:
			r.Interface = int(int32(a.number()))
		case unix.RTA_METRICS:
			var m metrics
			m, a.err = decodeMetrics(a.value)
			r.MTU = m.mtu
		case unix.RTA_CACHEINFO:
			if exception {
				r.Expires, a.err = decodeExpires(a.value)
			}
		}
	}
	if a.err != nil {
		return Route{}, a.err
	}
	return r, nil
}

// decodeExpires reads struct rta_cacheinfo, where what has expired is negative.
func decodeExpires(b []byte) (time.Duration, error) {
	if len(b) < cacheExpires+4 {
		return 0, errShort
	}
	ticks := int32(binary.NativeEndian.Uint32(b[cacheExpires:]))
	return max(0, time.Duration(ticks)*tick), nil
}
