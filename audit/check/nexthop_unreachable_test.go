package check

import (
	"net/netip"
	"testing"

	"ptbrelay/audit/host"
)

const (
	othersLive = "Flows that are sent this way die while others live on; ping may show nothing."
	noneWorks  = "No other way to what lies behind it works: repair it, or route by another."
)

// addDefault gives the host a further default route by a next hop that is of no
// use in some way.
func addDefault(f *Facts, metric uint32, w host.Way) {
	w.Routes, w.Default = 1, true
	destination := prefix("::/0")
	if w.Gateway.Is4() {
		destination = prefix("0.0.0.0/0")
	}
	f.Routes.Value.Ways = append(f.Routes.Value.Ways, w)
	f.Routes.Value.Default = append(f.Routes.Value.Default, host.FIBRoute{
		Destination: destination,
		Table:       host.TableMain,
		Type:        host.RouteUnicast,
		Metric:      metric,
		NextHops:    []host.NextHop{{Gateway: w.Gateway, Interface: w.Interface}},
	})
}

func TestNexthopUnreachable(t *testing.T) {
	gateway4, gateway6 := netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("fe80::7")
	failed := host.Neighbour{State: host.NeighbourFailed}
	for name, c := range map[string]struct {
		fault func(*Facts)
		want  Finding
	}{
		"one of two IPv6": {
			func(f *Facts) {
				addDefault(f, 1024, host.Way{Gateway: gateway6, Interface: eth0, Neighbour: failed})
			},
			Finding{
				Severity: Warning,
				Subject:  "via fe80::7 dev eth0",
				Read:     "routing and neighbour tables: neighbour failed; routes by it: 1, with no other next hop: 0",
				Why:      othersLive,
				Mend:     "ip -6 route del default via fe80::7 dev eth0 table main metric 1024",
			},
		},
		"one of two IPv4": {
			func(f *Facts) {
				addDefault(f, 50, host.Way{Gateway: gateway4, Interface: eth0, Neighbour: host.Neighbour{State: host.NeighbourIncomplete}})
			},
			Finding{
				Severity: Warning,
				Subject:  "via 198.51.100.7 dev eth0",
				Read:     "routing and neighbour tables: neighbour incomplete; routes by it: 1, with no other next hop: 0",
				Why:      othersLive,
				Mend:     "ip route del default via 198.51.100.7 dev eth0 table main metric 50",
			},
		},
		"one of an IPv4 multipath route, which is not deleted by parts": {
			func(f *Facts) {
				addDefault(f, 50, host.Way{Gateway: gateway4, Interface: eth0, Dead: true, LinkDown: true})
				r := &f.Routes.Value.Default[len(f.Routes.Value.Default)-1]
				r.NextHops = append(r.NextHops, host.NextHop{Gateway: netip.MustParseAddr("198.51.100.1"), Interface: eth0})
			},
			Finding{
				Severity: Warning,
				Subject:  "via 198.51.100.7 dev eth0",
				Read:     "routing and neighbour tables: dead, linkdown; routes by it: 1, with no other next hop: 0",
				Why:      othersLive + " Repair it, or take it out of its routes.",
			},
		},
		"one by a nexthop object, which other routes have too": {
			func(f *Facts) {
				addDefault(f, 50, host.Way{Gateway: gateway6, Interface: eth0, Neighbour: failed})
				f.Routes.Value.Default[len(f.Routes.Value.Default)-1].Object = 12
			},
			Finding{
				Severity: Warning,
				Subject:  "via fe80::7 dev eth0",
				Read:     "routing and neighbour tables: neighbour failed; routes by it: 1, with no other next hop: 0",
				Why:      othersLive + " Repair it, or take it out of its routes.",
			},
		},
		"the only one": {
			func(f *Facts) { f.Routes.Value.Ways[1].Neighbour = failed },
			Finding{
				Severity: Error,
				Subject:  "via 198.51.100.1 dev eth0",
				Read:     "routing and neighbour tables: neighbour failed; routes by it: 1, with no other next hop: 1",
				Why:      noneWorks,
			},
		},
		"the only one to some prefix": {
			func(f *Facts) {
				f.Routes.Value.Ways = append(f.Routes.Value.Ways, host.Way{
					Gateway: gateway4, Interface: eth0, Neighbour: failed, Routes: 3, Only: 2,
				})
			},
			Finding{
				Severity: Error,
				Subject:  "via 198.51.100.7 dev eth0",
				Read:     "routing and neighbour tables: neighbour failed; routes by it: 3, with no other next hop: 2",
				Why:      noneWorks,
			},
		},
		"point to point without link": {
			func(f *Facts) {
				f.Links.Value = append(f.Links.Value, host.Link{Index: 7, Name: "ppp0", MTU: 1492, Up: true})
				addDefault(f, 9, host.Way{Interface: 7, LinkDown: true})
			},
			Finding{
				Severity: Warning,
				Subject:  "dev ppp0",
				Read:     "routing and neighbour tables: linkdown; routes by it: 1, with no other next hop: 0",
				Why:      othersLive,
				Mend:     "ip -6 route del default dev ppp0 table main metric 9",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts()
			c.fault(f)
			expect(t, "nexthop-unreachable", f, c.want)
		})
	}
}

// Two ways of which each would stand in for the other, had it not failed too.
func TestNexthopUnreachableAll(t *testing.T) {
	f := facts()
	failed := host.Neighbour{State: host.NeighbourFailed}
	f.Routes.Value.Ways[2].Neighbour, f.Routes.Value.Ways[2].Only = failed, 0
	addDefault(f, 1024, host.Way{Gateway: netip.MustParseAddr("fe80::7"), Interface: eth0, Neighbour: failed})
	want := Finding{
		Severity: Error,
		Subject:  "via 2001:db8:1::1 dev eth0",
		Read:     "routing and neighbour tables: neighbour failed; routes by it: 1, with no other next hop: 0",
		Why:      noneWorks,
	}
	second := want
	second.Subject = "via fe80::7 dev eth0"
	expect(t, "nexthop-unreachable", f, want, second)
}

// What an ordinary host has is no fault.
func TestNexthopReachable(t *testing.T) {
	f := facts()
	f.Links.Value = append(f.Links.Value, host.Link{Index: 7, Name: "docker0", MTU: 1500, Ethernet: true, Up: true})
	f.Routes.Value.Ways = append(f.Routes.Value.Ways, host.Way{Interface: 7, LinkDown: true, Routes: 2, Only: 2}) // a bridge without ports
	for _, s := range []host.NeighbourState{0, host.NeighbourStale, host.NeighbourDelay, host.NeighbourProbe, host.NeighbourNoARP, host.NeighbourPermanent} {
		f.Routes.Value.Ways = append(f.Routes.Value.Ways, host.Way{
			Gateway: netip.MustParseAddr("198.51.100.7"), Interface: eth0, Neighbour: host.Neighbour{State: s}, Routes: 1, Only: 1,
		})
	}
	expect(t, "nexthop-unreachable", f, Finding{
		Severity: OK,
		Read:     "routing and neighbour tables: 10 ways, by next hops and on the link, none failed, incomplete, dead or without link",
	})
}

func TestNexthopUnreachableUnknown(t *testing.T) {
	f := facts()
	f.Routes.Err = errRead
	expectUnknown(t, "nexthop-unreachable", f, "the kernel did not say")
	f = facts()
	f.Links.Err = errRead
	expectUnknown(t, "nexthop-unreachable", f, "the kernel did not say")
	f = facts()
	f.Routes.Value.Ways = make([]host.Way, host.MaxKept)
	f.Routes.Value.LeftOut = 9
	expectUnknown(t, "nexthop-unreachable", f, "routing tables: more than 1000 next hops, of which the first were looked at")
}
