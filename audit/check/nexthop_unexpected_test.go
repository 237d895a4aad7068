package check

import (
	"fmt"
	"net/netip"
	"syscall"
	"testing"

	"ptbrelay/audit/host"
)

// advertise gives the host default routes that n routers advertised on eth0.
func advertise(f *Facts, n int) {
	for i := range n {
		addDefault(f, 1024, host.Way{
			Gateway: netip.MustParseAddr(fmt.Sprintf("fe80::%x", 0xa0+i)), Interface: eth0, Advertised: 1,
		})
		f.Routes.Value.Default[len(f.Routes.Value.Default)-1].Origin = host.OriginRouterAdvertisement
	}
}

const (
	anyone       = "Anyone on the link who claims to be a router becomes a default next hop of this server."
	noneAccepted = "net.ipv6.conf.*.accept_ra: in effect on no interface that is up"
)

func TestNexthopUnexpected(t *testing.T) {
	for name, c := range map[string]struct {
		fault func(*Facts)
		want  []Finding
	}{
		"thirty routers": {
			func(f *Facts) { advertise(f, 30) },
			[]Finding{{
				Severity: Warning,
				Subject: "via fe80::a0 dev eth0, via fe80::a1 dev eth0, via fe80::a2 dev eth0, via fe80::a3 dev eth0, " +
					"via fe80::a4 dev eth0, via fe80::a5 dev eth0, via fe80::a6 dev eth0, via fe80::a7 dev eth0, and 22 more",
				Read: "routing tables: 30 next hops of IPv6 default routes are there by router advertisement",
				Why: "Flows are spread over all of them, and those sent to a router that is gone or is none die: " +
					"find out who advertises, or set a static default route and accept_ra to 0.",
			}},
		},
		"three routers": {
			func(f *Facts) { advertise(f, 3) },
			[]Finding{{
				Severity: Warning,
				Subject:  "via fe80::a0 dev eth0, via fe80::a1 dev eth0, via fe80::a2 dev eth0",
				Read:     "routing tables: 3 next hops of IPv6 default routes are there by router advertisement",
				Why: "Flows are spread over all of them, and those sent to a router that is gone or is none die: " +
					"find out who advertises, or set a static default route and accept_ra to 0.",
			}},
		},
		"a router and its stand-in": {
			func(f *Facts) { advertise(f, 2) },
			[]Finding{{
				Severity: OK,
				Read:     "routing tables: 2 next hops by router advertisement; " + noneAccepted,
			}},
		},
		"accepted without need": {
			func(f *Facts) {
				setSysctl(f, "net/ipv6/conf/eth0/accept_ra", "1")
				f.Links.Value = append(f.Links.Value,
					host.Link{Index: 7, Name: "eth0.100", Up: true},
					host.Link{Index: 8, Name: "eth1", Up: true},
					host.Link{Index: 9, Name: "eth2"})
				for path, value := range map[string]string{
					"eth0.100/accept_ra": "2", "eth0.100/accept_ra_defrtr": "1", "eth0.100/forwarding": "1", "eth0.100/disable_ipv6": "0",
					"eth1/accept_ra": "1", "eth1/accept_ra_defrtr": "1", "eth1/forwarding": "1", "eth1/disable_ipv6": "0",
					"eth2/accept_ra": "1", "eth2/accept_ra_defrtr": "1", "eth2/forwarding": "0", "eth2/disable_ipv6": "0",
				} {
					setSysctl(f, "net/ipv6/conf/"+path, value)
				}
			},
			[]Finding{{
				Severity: Info,
				Subject:  "eth0, eth0.100",
				Read:     "net.ipv6.conf.*.accept_ra: in effect, and no default route is there by it",
				Why:      anyone,
				Mend:     "sysctl -w net.ipv6.conf.eth0.accept_ra=0 net.ipv6.conf.eth0/100.accept_ra=0",
			}},
		},
		"accepted and lived by": {
			func(f *Facts) {
				advertise(f, 1)
				setSysctl(f, "net/ipv6/conf/eth0/accept_ra", "1")
			},
			[]Finding{{
				Severity: Info,
				Subject:  "eth0",
				Read:     "net.ipv6.conf.*.accept_ra: in effect, and a default route is there by it",
				Why:      anyone + " Set a static default route before you turn it off.",
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts()
			c.fault(f)
			expect(t, "nexthop-unexpected", f, c.want...)
		})
	}
}

// Settings by which the kernel takes no default route from an advertisement.
func TestAcceptRANotInEffect(t *testing.T) {
	for name, change := range map[string]func(*Facts){
		"forwarding":       func(f *Facts) { setSysctl(f, "net/ipv6/conf/eth0/forwarding", "1") },
		"no default route": func(f *Facts) { setSysctl(f, "net/ipv6/conf/eth0/accept_ra_defrtr", "0") },
		"IPv6 disabled":    func(f *Facts) { setSysctl(f, "net/ipv6/conf/eth0/disable_ipv6", "1") },
		"no IPv6":          func(f *Facts) { failSysctl(f, "net/ipv6/conf/eth0/disable_ipv6", syscall.ENOENT) },
		"down":             func(f *Facts) { f.Links.Value[1].Up = false },
	} {
		t.Run(name, func(t *testing.T) {
			f := facts()
			setSysctl(f, "net/ipv6/conf/eth0/accept_ra", "1")
			change(f)
			expect(t, "nexthop-unexpected", f, Finding{
				Severity: OK,
				Read:     "routing tables: 0 next hops by router advertisement; " + noneAccepted,
			})
		})
	}
}

func TestNexthopUnexpectedUnknown(t *testing.T) {
	f := facts()
	f.Routes.Err = errRead
	expectUnknown(t, "nexthop-unexpected", f, "the kernel did not say")
	f = facts()
	f.Links.Err = errRead
	expectUnknown(t, "nexthop-unexpected", f, "the kernel did not say")
	f = facts()
	f.Routes.Value.Ways = make([]host.Way, host.MaxKept)
	f.Routes.Value.LeftOut = 9
	expectUnknown(t, "nexthop-unexpected", f, "routing tables: more than 1000 next hops, of which the first were looked at")
	f = facts()
	failSysctl(f, "net/ipv6/conf/eth0/accept_ra", syscall.EACCES)
	expect(t, "nexthop-unexpected", f, Finding{
		Severity: Unknown,
		Subject:  "eth0",
		Read:     "open /proc/sys/net/ipv6/conf/eth0/accept_ra: permission denied",
		Why:      "Whether anyone on the link may become a next hop of this server is not known.",
		Mend:     "sudo ptbrelay doctor",
	})
}
