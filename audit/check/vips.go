package check

import (
	"cmp"
	"net/netip"
	"slices"
)

// vips are the configured ones. Where none are, they are what local routes lead
// to and no interface but loopback holds: addresses and AnyIP prefixes of
// loopback. Those that some other interface holds, a dummy one too, cannot be told
// from the host's own.
func (f *Facts) vips() ([]netip.Prefix, error) {
	if len(f.Expect.VIPs) > 0 {
		return f.Expect.VIPs, nil
	}
	if err := cmp.Or(f.Routes.Err, f.Links.Err); err != nil {
		return nil, err
	}
	var vips []netip.Prefix
	held := f.held()
	for _, p := range f.Routes.Value.Local {
		a := p.Addr()
		own := p.IsSingleIP() && held[a]
		if !own && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			vips = append(vips, p)
		}
	}
	return vips, nil
}

// held are the addresses of interfaces that are not loopback.
func (f *Facts) held() map[netip.Addr]bool {
	held := map[netip.Addr]bool{}
	for _, a := range f.Routes.Value.Addresses {
		if l, ok := f.link(a.Interface); !ok || !l.Loopback {
			held[a.Prefix.Addr()] = true
		}
	}
	return held
}

// onVIP reports whether a VIP covers the address.
func onVIP(vips []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(vips, func(p netip.Prefix) bool { return p.Contains(a) })
}

// vipNames lists VIPs.
func vipNames(vips []netip.Prefix) string { return listOf(vips, vipName) }

// vipName is a VIP as it is written: a single address without its length.
func vipName(v netip.Prefix) string {
	if v.IsSingleIP() {
		return v.Addr().String()
	}
	return v.String()
}
