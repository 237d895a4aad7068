package host

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestDecodeRouteOfKernel(t *testing.T) {
	at := netip.MustParseAddr
	d := dumps(t)
	for name, want := range map[string]Route{
		"route-ipv4-gateway":   {Source: at("198.51.100.129"), Interface: 2, Gateway: at("198.51.100.254")},
		"route-ipv6-gateway":   {Source: at("2001:db8:3::1"), Interface: 2, Gateway: at("2001:db8:3::ffff")},
		"route-ipv4-local":     {Local: true, Source: at("192.0.2.1"), Interface: 1},
		"route-ipv6-local":     {Local: true, Source: at("2001:db8:ffff::1"), Interface: 1},
		"route-ipv4-exception": {Interface: 2, Gateway: at("198.51.100.254"), MTU: 1400, Expires: 59990 * tick},
		"route-ipv6-exception": {Source: at("2001:db8:3::1"), Interface: 2, Gateway: at("2001:db8:3::ffff"), MTU: 1400, Expires: 59990 * tick},
		"route-ipv6-expiring":  {Source: at("2001:db8:3::1"), Interface: 2, Gateway: at("2001:db8:3::2"), MTU: 1450},
	} {
		if got, err := decodeRoute(d[name]); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, want)
		}
	}
}

// learned is a route with RTM_F_CLONED.
func learned(message []byte) []byte {
	copy(message[rtmFlags:], u32(unix.RTM_F_CLONED))
	return message
}

func TestDecodeRouteBroken(t *testing.T) {
	const v4, v6, unicast = unix.AF_INET, unix.AF_INET6, unix.RTN_UNICAST
	gateway := attribute(unix.RTA_GATEWAY, -1, 198, 51, 100, 254)
	source := attribute(unix.RTA_PREFSRC, -1, 198, 51, 100, 7)
	iface := attribute(unix.RTA_OIF, -1, u32(7)...)
	metrics := func(metrics ...byte) []byte { return attribute(unix.RTA_METRICS, -1, metrics...) }
	mtu := metrics(attribute(unix.RTAX_MTU, -1, u32(1400)...)...)
	expires := func(ticks int32) []byte {
		cache := make([]byte, 32)
		copy(cache[cacheExpires:], u32(uint32(ticks)))
		return attribute(unix.RTA_CACHEINFO, -1, cache...)
	}
	good := Route{Source: netip.MustParseAddr("198.51.100.7"), Interface: 7, Gateway: netip.MustParseAddr("198.51.100.254"), MTU: 1400}
	with := func(change func(*Route)) Route {
		r := good
		change(&r)
		return r
	}
	for _, c := range []struct {
		name    string
		message []byte
		want    Route
		fails   bool
	}{
		{"good", routeMessage(v4, 32, unicast, gateway, source, iface, mtu), good, false},
		{"other order", routeMessage(v4, 32, unicast, mtu, iface, source, gateway), good, false},
		{"no attributes", routeMessage(v4, 32, unix.RTN_LOCAL), Route{Local: true}, false},
		{"unknown attributes", routeMessage(v4, 32, unicast, attribute(999, -1, 1, 2, 3), gateway, source, iface, mtu, attribute(998, -1)), good, false},
		{"attributes marked as nested", routeMessage(v4, 32, unicast, gateway, source, iface,
			attribute(unix.RTA_METRICS|unix.NLA_F_NESTED, -1, mtu[4:]...)), good, false},
		{"gateway of the other family", routeMessage(v4, 32, unicast, attribute(unix.RTA_VIA, -1, 10, 0, 0x20, 1), source, iface, mtu),
			with(func(r *Route) { r.Gateway = netip.Addr{} }), false},
		{"gateway of IPv4 mapped into IPv6", routeMessage(v6, 128, unicast,
			attribute(unix.RTA_GATEWAY, -1, net.ParseIP("198.51.100.1").To16()...), iface, mtu),
			Route{Gateway: netip.MustParseAddr("::ffff:198.51.100.1"), Interface: 7, MTU: 1400}, false},
		{"other metrics", routeMessage(v4, 32, unicast, gateway, source, iface, metrics(attribute(unix.RTAX_ADVMSS, -1, u32(1360)...)...)),
			with(func(r *Route) { r.MTU = 0 }), false},
		{"expires", learned(routeMessage(v4, 32, unicast, gateway, source, iface, mtu, expires(1234))),
			with(func(r *Route) { r.Expires = 12340 * time.Millisecond }), false},
		{"expired", learned(routeMessage(v4, 32, unicast, gateway, source, iface, mtu, expires(-1))), good, false},
		{"expires, not learned", routeMessage(v4, 32, unicast, gateway, source, iface, mtu, expires(1234)), good, false},

		{"empty", nil, Route{}, true},
		{"header cut", routeMessage(v4, 32, unicast)[:rtmsgBytes-1], Route{}, true},
		{"gateway of IPv6 in IPv4", routeMessage(v4, 32, unicast, attribute(unix.RTA_GATEWAY, -1, make([]byte, 16)...)), Route{}, true},
		{"source of IPv4 in IPv6", routeMessage(v6, 128, unicast, source), Route{}, true},
		{"gateway of three bytes", routeMessage(v4, 32, unicast, attribute(unix.RTA_GATEWAY, -1, 1, 2, 3)), Route{}, true},
		{"interface of two bytes", routeMessage(v4, 32, unicast, attribute(unix.RTA_OIF, -1, 7, 0)), Route{}, true},
		{"MTU of two bytes", routeMessage(v4, 32, unicast, metrics(attribute(unix.RTAX_MTU, -1, 120, 5)...)), Route{}, true},
		{"MTU beyond the metrics", routeMessage(v4, 32, unicast, metrics(attribute(unix.RTAX_MTU, 12, u32(1400)...)...)), Route{}, true},
		{"cache information cut", learned(routeMessage(v4, 32, unicast, attribute(unix.RTA_CACHEINFO, -1, make([]byte, 11)...))), Route{}, true},
		{"attribute beyond the message", routeMessage(v4, 32, unicast, attribute(unix.RTA_GATEWAY, 20, 1, 2, 3, 4)), Route{}, true},
		{"attribute shorter than its header", routeMessage(v4, 32, unicast, attribute(unix.RTA_GATEWAY, 3), iface), Route{}, true},
		{"attribute of no length", routeMessage(v4, 32, unicast, attribute(unix.RTA_GATEWAY, 0), iface), Route{}, true},
		{"half an attribute header", append(routeMessage(v4, 32, unicast, gateway), 8, 0), Route{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := decodeRoute(c.message); c.fails != (err != nil) || got != c.want {
				t.Errorf("%+v, %v, want %+v, failure %v", got, err, c.want, c.fails)
			}
		})
	}
}

// checkRoute holds for any message.
func checkRoute(t *testing.T, b []byte) {
	t.Helper()
	r, err := decodeRoute(b)
	if err != nil {
		if r != (Route{}) {
			t.Errorf("route %+v and error %v", r, err)
		}
		return
	}
	for _, a := range []netip.Addr{r.Source, r.Gateway} {
		if a.IsValid() && a.Is4() != (b[rtmFamily] == unix.AF_INET) {
			t.Errorf("%v in a route of family %d", a, b[rtmFamily])
		}
	}
	if r.Local != (b[rtmType] == unix.RTN_LOCAL) || r.Expires < 0 || r.Expires > (1<<31)*tick {
		t.Errorf("route %+v of type %d", r, b[rtmType])
	}
}
