package check

import (
	"net/netip"
	"testing"

	"ptbrelay/audit/host"
)

// tagged is a route out of eth0, whose MTU is 1500.
func tagged(destination string, mtu uint32, change func(*host.FIBRoute)) host.FIBRoute {
	r := host.FIBRoute{
		Destination: prefix(destination),
		Table:       host.TableMain,
		Type:        host.RouteUnicast,
		Metric:      1024,
		MTU:         mtu,
		NextHops:    []host.NextHop{{Gateway: netip.MustParseAddr("2001:db8:1::1"), Interface: eth0}},
	}
	if change != nil {
		change(&r)
	}
	return r
}

func TestRouteMTUTag(t *testing.T) {
	const (
		small   = "No packet by this route is larger than the tag, though the interface carries more; tunnels that need more fail."
		fragile = "The lock has the kernel ignore every PTB for this route and send without DF, so that routers fragment."
	)
	lock := func(r *host.FIBRoute) { r.MTULocked = true }
	for name, c := range map[string]struct {
		routes []host.FIBRoute
		want   []Finding
	}{
		"forgotten": {
			[]host.FIBRoute{tagged("::/0", 1280, nil)},
			[]Finding{{
				Severity: Warning,
				Subject:  "::/0 table main metric 1024",
				Read:     "routing tables: mtu 1280, the interface's MTU is 1500",
				Why:      small,
				Mend: "ip -6 route change table main metric 1024 $(ip -6 route show default table main metric 1024" +
					` | sed 's/ mtu \(lock \)*[0-9]*/ mtu 0/')`,
			}},
		},
		"by a nexthop object, in another table, by TOS": {
			[]host.FIBRoute{tagged("0.0.0.0/0", 1400, func(r *host.FIBRoute) { r.Object, r.Table, r.TOS = 7, 100, 0x10 })},
			[]Finding{{
				Severity: Warning,
				Subject:  "0.0.0.0/0 table 100 metric 1024 tos 0x10",
				Read:     "routing tables: mtu 1400, the interface's MTU is 1500",
				Why:      small,
				Mend: "ip route change table 100 metric 1024 tos 0x10 $(ip route show default table 100 metric 1024 tos 0x10" +
					` | sed -n '1{s/ via [^ ]* dev [^ ]*//;s/ mtu \(lock \)*[0-9]*/ mtu 0/;p}')`,
			}},
		},
		"locked IPv4": {
			[]host.FIBRoute{tagged("0.0.0.0/0", 1500, lock)},
			[]Finding{{
				Severity: Warning,
				Subject:  "0.0.0.0/0 table main metric 1024",
				Read:     "routing tables: mtu lock 1500, the interface's MTU is 1500",
				Why:      fragile,
				Mend: "ip route change table main metric 1024 $(ip route show default table main metric 1024" +
					` | sed 's/ mtu \(lock \)*[0-9]*/ mtu 0/')`,
			}},
		},
		"locked IPv6, which heeds no lock": {
			[]host.FIBRoute{tagged("::/0", 1500, lock), tagged("2001:db8:9::/48", 1400, lock)},
			[]Finding{{
				Severity: Info,
				Subject:  "2001:db8:9::/48 table main metric 1024",
				Read:     "routing tables: mtu 1400, the interface's MTU is 1500; routes with it: 1",
				Why:      small,
				Mend: "ip -6 route change table main metric 1024 $(ip -6 route show 2001:db8:9::/48 table main metric 1024" +
					` | sed 's/ mtu \(lock \)*[0-9]*/ mtu 0/')`,
			}},
		},
		"above the interface's": {
			[]host.FIBRoute{tagged("::/0", 9000, nil)},
			[]Finding{{
				Severity: Warning,
				Subject:  "::/0 table main metric 1024",
				Read:     "routing tables: mtu 9000, the interface's MTU is 1500",
				Why:      "The kernel believes the tag, not the interface, and sends packets that are too big for the link.",
				Mend: "ip -6 route change table main metric 1024 $(ip -6 route show default table main metric 1024" +
					` | sed 's/ mtu \(lock \)*[0-9]*/ mtu 0/')`,
			}},
		},
		"advertised by a router": {
			[]host.FIBRoute{tagged("::/0", 1400, func(r *host.FIBRoute) { r.Origin = host.OriginRouterAdvertisement })},
			[]Finding{{
				Severity: Warning,
				Subject:  "::/0 table main metric 1024",
				Read:     "routing tables: mtu 1400, the interface's MTU is 1500",
				Why:      small + " A router advertises it: take the MTU option out of its advertisements.",
			}},
		},
		"of another prefix": {
			[]host.FIBRoute{tagged("2001:db8:9::/48", 1400, nil)},
			[]Finding{{
				Severity: Info,
				Subject:  "2001:db8:9::/48 table main metric 1024",
				Read:     "routing tables: mtu 1400, the interface's MTU is 1500; routes with it: 1",
				Why:      small,
				Mend: "ip -6 route change table main metric 1024 $(ip -6 route show 2001:db8:9::/48 table main metric 1024" +
					` | sed 's/ mtu \(lock \)*[0-9]*/ mtu 0/')`,
			}},
		},
		"of other prefixes, told together": {
			[]host.FIBRoute{
				tagged("2001:db8:9::/48", 1400, nil),
				tagged("2001:db8:8::/48", 1300, nil),
				tagged("2001:db8:a::/48", 1400, nil),
				tagged("203.0.113.0/24", 1400, nil),
			},
			[]Finding{
				{
					Severity: Info,
					Subject:  "2001:db8:9::/48 table main metric 1024, 2001:db8:a::/48 table main metric 1024, 203.0.113.0/24 table main metric 1024",
					Read:     "routing tables: mtu 1400, the interface's MTU is 1500; routes with it: 3",
					Why:      small,
				},
				{
					Severity: Info,
					Subject:  "2001:db8:8::/48 table main metric 1024",
					Read:     "routing tables: mtu 1300, the interface's MTU is 1500; routes with it: 1",
					Why:      small,
					Mend: "ip -6 route change table main metric 1024 $(ip -6 route show 2001:db8:8::/48 table main metric 1024" +
						` | sed 's/ mtu \(lock \)*[0-9]*/ mtu 0/')`,
				},
			},
		},
		"by an interface that came or went, of whose MTU nothing is known": {
			[]host.FIBRoute{
				tagged("::/0", 1280, func(r *host.FIBRoute) { r.NextHops[0].Interface = 9 }),
				tagged("203.0.113.0/24", 1280, func(r *host.FIBRoute) { r.NextHops[0].Interface, r.MTULocked = 9, true }),
			},
			[]Finding{{
				Severity: Info,
				Subject:  "203.0.113.0/24 table main metric 1024",
				Read:     "routing tables: mtu lock 1280; routes with it: 1",
				Why:      fragile,
				Mend: "ip route change table main metric 1024 $(ip route show 203.0.113.0/24 table main metric 1024" +
					` | sed 's/ mtu \(lock \)*[0-9]*/ mtu 0/')`,
			}},
		},
		"no difference, or an advmss alone": {
			[]host.FIBRoute{
				tagged("::/0", 1500, nil),
				tagged("203.0.113.0/24", 1500, nil),
				tagged("0.0.0.0/0", 0, func(r *host.FIBRoute) { r.AdvMSS = 1300 }),
			},
			[]Finding{{
				Severity: OK,
				Read:     "routing tables: of 6 IPv4 and 8 IPv6 routes none has an MTU tag that differs from its interface's MTU",
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts()
			f.Routes.Value.Tagged = c.routes
			expect(t, "route-mtu-tag", f, c.want...)
		})
	}
}

// Of a multipath route the smallest interface counts.
// A host with jumbo frames on its own network keeps to 1500 toward the Internet. With
// less, or with a lock, it is warned.
func TestRouteMTUTagOfJumboHost(t *testing.T) {
	for _, c := range []struct {
		mtu    uint32
		locked bool
		want   Severity
	}{{1500, false, Info}, {4000, false, Info}, {1499, false, Warning}, {9000, false, OK}, {9001, false, Warning}, {1500, true, Warning}} {
		f := facts()
		for i := range f.Links.Value {
			f.Links.Value[i].MTU = 9000
		}
		f.Routes.Value.Tagged = []host.FIBRoute{tagged("0.0.0.0/0", c.mtu, func(r *host.FIBRoute) { r.MTULocked = c.locked })}
		found := examine(t, "route-mtu-tag", f)
		if len(found) != 1 || found[0].Severity != c.want || (found[0].Mend != "") != (c.want == Warning) {
			t.Errorf("%+v: %+v", c, found)
		}
	}
}

func TestRouteMTUTagOfMultipath(t *testing.T) {
	f := facts()
	f.Links.Value = append(f.Links.Value, host.Link{Index: 3, Name: "eth1", MTU: 1400, Up: true})
	f.Routes.Value.Tagged = []host.FIBRoute{tagged("::/0", 1400, func(r *host.FIBRoute) {
		r.NextHops = append(r.NextHops, host.NextHop{Interface: 3})
	})}
	expect(t, "route-mtu-tag", f, Finding{
		Severity: OK,
		Read:     "routing tables: of 6 IPv4 and 8 IPv6 routes none has an MTU tag that differs from its interface's MTU",
	})
}

func TestRouteMTUTagUnknown(t *testing.T) {
	for name, breakFact := range map[string]func(*Facts){
		"routes": func(f *Facts) { f.Routes.Err = errRead },
		"links":  func(f *Facts) { f.Links.Err = errRead },
	} {
		t.Run(name, func(t *testing.T) {
			f := facts()
			breakFact(f)
			expectUnknown(t, "route-mtu-tag", f, "the kernel did not say")
		})
	}
	t.Run("too many", func(t *testing.T) {
		f := facts()
		f.Routes.Value.Tagged = make([]host.FIBRoute, host.MaxKept)
		f.Routes.Value.LeftOut = 1
		expectUnknown(t, "route-mtu-tag", f, "routing tables: more than 1000 routes with a tag, of which the first were looked at")
	})
}
