package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"ptbrelay/audit/host"
)

// mostListed bounds what one finding lists: a host of containers has hundreds of
// interfaces.
const mostListed = 8

// list names the first of many.
func list(names []string) string {
	if len(names) > mostListed {
		names = append(slices.Clone(names[:mostListed]), fmt.Sprintf("and %d more", len(names)-mostListed))
	}
	return strings.Join(names, ", ")
}

// listOf names the first of many things.
func listOf[T any](things []T, name func(T) string) string {
	names := make([]string, len(things))
	for i, t := range things {
		names[i] = name(t)
	}
	return list(names)
}

// linkName is the interface's name; one that came or went while the facts were
// read has only its index.
func (f *Facts) linkName(index int) string {
	if l, ok := f.link(index); ok {
		return l.Name
	}
	return fmt.Sprintf("if%d", index)
}

func (f *Facts) link(index int) (host.Link, bool) {
	for _, l := range f.Links.Value {
		if l.Index == index {
			return l, true
		}
	}
	return host.Link{}, false
}

// nextHopName is a next hop in the words of ip route.
func (f *Facts) nextHopName(gateway netip.Addr, index int) string {
	return hop(gateway, f.linkName(index))
}

// hop is a next hop by an interface, whose name a command may quote.
func hop(gateway netip.Addr, name string) string {
	dev := "dev " + name
	if gateway.IsValid() {
		return "via " + gateway.String() + " " + dev
	}
	return dev
}

// routeName tells a route from all others of the host.
func routeName(r host.FIBRoute) string {
	return r.Destination.String() + " " + routeKey(r)
}

// routeKey is what tells routes of one destination apart, in the words of ip
// route.
func routeKey(r host.FIBRoute) string {
	key := fmt.Sprintf("table %s metric %d", host.TableName(r.Table), r.Metric)
	if r.TOS != 0 {
		key += fmt.Sprintf(" tos 0x%02x", r.TOS)
	}
	return key
}

// ipCommand is ip for the family of the address.
func ipCommand(a netip.Addr) string {
	if a.Is6() {
		return "ip -6"
	}
	return "ip"
}

// isDefault reports whether a destination is everything.
func isDefault(p netip.Prefix) bool { return p.Bits() == 0 }

// cut reports whether a list of routes may lack entries, so that what is not in
// it may be there nevertheless.
func cut[T any](r host.Routes, entries []T) bool {
	return r.LeftOut > 0 && len(entries) >= host.MaxKept
}

// leftOut is the finding that a check could not look at all of the list; what
// names its entries.
func leftOut(what string) Finding {
	return Finding{
		Severity: Unknown,
		Read:     fmt.Sprintf("routing tables: more than %d %s, of which the first were looked at", host.MaxKept, what),
		Why:      "What the others are is not known.",
	}
}
