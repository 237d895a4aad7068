package check

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"

	"ptbrelay/audit/host"
)

// manyRouters is how many next hops that routers advertise are too many: a link
// has one router, or two where the one stands in for the other. A host that
// learned of thirty kept most of them long after they were gone.
const manyRouters = 3

// nexthopUnexpected looks for next hops that a server has because somebody on the
// link claimed to be a router.
func nexthopUnexpected(f *Facts) []Finding {
	if err := cmp.Or(f.Routes.Err, f.Links.Err); err != nil {
		return []Finding{unknown(err, "Whether anyone on a link has become a next hop of this server is not known.")}
	}
	routes := f.Routes.Value
	advertised := f.advertised()
	var found []Finding
	if len(advertised) >= manyRouters {
		found = append(found, Finding{
			Severity: Warning,
			Subject:  list(advertised),
			Read:     fmt.Sprintf("routing tables: %d next hops of IPv6 default routes are there by router advertisement", len(advertised)),
			Why: "Flows are spread over all of them, and those sent to a router that is gone or is none die: " +
				"find out who advertises, or set a static default route and accept_ra to 0.",
		})
	}
	found = append(found, f.acceptRA()...)
	if cut(routes, routes.Ways) {
		found = append(found, leftOut("next hops"))
	}
	return orOK(found, fmt.Sprintf("routing tables: %d next hops by router advertisement; net.ipv6.conf.*.accept_ra: in effect on no interface that is up", len(advertised)))
}

// advertised are the names of the next hops that routers advertised.
func (f *Facts) advertised() []string {
	var names []string
	for _, w := range f.Routes.Value.Ways {
		if w.Advertised > 0 {
			names = append(names, f.nextHopName(w.Gateway, w.Interface))
		}
	}
	return names
}

// acceptRA is what is said of the interfaces on which a router advertisement makes
// a default route: of those that live by it, and of all others.
func (f *Facts) acceptRA() []Finding {
	var found []Finding
	var needed, open []host.Link
	for _, l := range f.Links.Value {
		accepts, err := f.acceptsRA(l)
		switch {
		case err != nil:
			found = append(found, unknownAt(l.Name, err, "Whether anyone on the link may become a next hop of this server is not known."))
		case !accepts:
		case f.livesByRA(l):
			needed = append(needed, l)
		default:
			open = append(open, l)
		}
	}
	const why = "Anyone on the link who claims to be a router becomes a default next hop of this server."
	if len(open) > 0 {
		found = append(found, Finding{
			Severity: Info,
			Subject:  linkNames(open),
			Read:     "net.ipv6.conf.*.accept_ra: in effect, and no default route is there by it",
			Why:      why,
			Mend:     sysctlCommand(0, ipv6Settings(open, "accept_ra")...),
		})
	}
	if len(needed) > 0 {
		found = append(found, Finding{
			Severity: Info,
			Subject:  linkNames(needed),
			Read:     "net.ipv6.conf.*.accept_ra: in effect, and a default route is there by it",
			Why:      why + " Set a static default route before you turn it off.",
		})
	}
	return found
}

// acceptsRA reports whether a router advertisement makes a default route on the
// link (ipv6_accept_ra in include/net/ipv6.h).
func (f *Facts) acceptsRA(l host.Link) (bool, error) {
	if l.Loopback || !l.Up {
		return false, nil
	}
	values := map[string]int64{}
	for _, name := range []string{"disable_ipv6", "accept_ra", "accept_ra_defrtr", "forwarding"} {
		s, err := f.setting(ipv6Conf(l, name))
		if errors.Is(err, fs.ErrNotExist) { // the interface has no IPv6
			return false, nil
		}
		if err != nil {
			return false, err
		}
		values[name] = s.value
	}
	if values["disable_ipv6"] != 0 || values["accept_ra_defrtr"] == 0 {
		return false, nil
	}
	if values["forwarding"] != 0 {
		return values["accept_ra"] == 2, nil
	}
	return values["accept_ra"] != 0, nil
}

func (f *Facts) livesByRA(l host.Link) bool {
	for _, w := range f.Routes.Value.Ways {
		if w.Interface == l.Index && w.Advertised > 0 {
			return true
		}
	}
	return false
}

func linkNames(links []host.Link) string {
	return listOf(links, func(l host.Link) string { return l.Name })
}

// ipv6Settings are the same IPv6 sysctl of several links.
func ipv6Settings(links []host.Link, name string) []setting {
	settings := make([]setting, len(links))
	for i, l := range links {
		settings[i].path = ipv6Conf(l, name)
	}
	return settings
}
