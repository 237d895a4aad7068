package host

import (
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Offsets in struct rtmsg (linux/rtnetlink.h).
const (
	rtmFamily  = 0
	rtmDstLen  = 1
	rtmSrcLen  = 2
	rtmType    = 7
	rtmFlags   = 8
	rtmsgBytes = unix.SizeofRtMsg
)

// readLocal dumps the routes of type local, both families, all tables. The
// kernel filters (strict checking), which spares us all others but not the
// kernel its walk: with 500 000 routes that takes some 0.1 s.
func readLocal(c conn) ([]netip.Prefix, error) {
	var local []netip.Prefix
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		body := make([]byte, rtmsgBytes)
		body[rtmFamily], body[rtmType] = family, unix.RTN_LOCAL
		msgs, err := dump(c, unix.RTM_GETROUTE, body)
		if err != nil {
			return nil, err
		}
		for _, m := range msgs {
			p, ok, err := decodeLocal(m.Data)
			if err != nil {
				return nil, err
			}
			if ok {
				local = append(local, p)
			}
		}
	}
	slices.SortFunc(local, netip.Prefix.Compare)
	return slices.Compact(local), nil
}

// decodeLocal reads the destination of a route; ok is false where it is not an
// IP route of type local, or a default route: that is how transparent proxies
// catch what is marked for them, and makes no address ours.
func decodeLocal(b []byte) (p netip.Prefix, ok bool, err error) {
	if len(b) < rtmsgBytes {
		return p, false, errShort
	}
	if b[rtmType] != unix.RTN_LOCAL || !isIP(b[rtmFamily]) {
		return p, false, nil
	}
	a := attributes{rest: b[rtmsgBytes:]}
	for a.next() {
		if a.kind == unix.RTA_DST {
			p = a.prefix(b[rtmFamily], b[rtmDstLen])
		}
	}
	return p, a.err == nil && p.Bits() > 0, a.err
}
