package check

import (
	"fmt"
	"slices"

	"ptbrelay/audit/host"
)

// The values of rp_filter (RFC 3704). Strict drops what came in by another interface
// than an answer would leave by.
const (
	noReversePath     = 0
	strictReversePath = 1
	looseReversePath  = 2
)

// rpFilter looks for interfaces with a strict reverse path filter. Of the value of
// all and the interface's own the larger counts (IN_DEV_RPFILTER in
// include/linux/inetdevice.h). On an interface without an IPv4 address the loose one
// is strict too (no_addr in __fib_validate_source in net/ipv4/fib_frontend.c).
func rpFilter(f *Facts) []Finding {
	const unsaid = "Whether the reverse path filter drops PTBs is not known."
	if f.Links.Err != nil {
		return []Finding{unknown(f.Links.Err, unsaid)}
	}
	all, err := f.setting("net/ipv4/conf/all/rp_filter")
	if err != nil {
		return []Finding{unknown(err, unsaid)}
	}
	var found []Finding
	var aside []filteredLink
	read := []setting{all}
	for _, l := range f.Links.Value {
		if !l.Up || l.Loopback {
			continue
		}
		own, err := f.setting("net/ipv4/conf/" + l.Name + "/rp_filter")
		if err != nil {
			found = append(found, unknownAt(l.Name, err, unsaid))
			continue
		}
		read = append(read, own)
		link := filteredLink{name: l.Name, all: all, own: own, numbered: f.numbered(l.Index)}
		switch leads := f.leadsToRouters(l.Index, false); {
		case leads && (link.strict() || link.looseIsStrict()):
			found = append(found, link.finding())
		case link.strict():
			aside = append(aside, link)
		}
	}
	if len(aside) > 0 {
		found = append(found, strictAside(aside))
	}
	return orOK(found, listSettings(read))
}

// numbered reports whether an interface has an IPv4 address, as far as is known.
func (f *Facts) numbered(index int) bool {
	if f.Routes.Err != nil || cut(f.Routes.Value, f.Routes.Value.Addresses) {
		return true
	}
	return slices.ContainsFunc(f.Routes.Value.Addresses, func(a host.Address) bool {
		return a.Interface == index && a.Prefix.Addr().Is4()
	})
}

// filteredLink is an interface and what filters on it.
type filteredLink struct {
	name     string
	all, own setting
	numbered bool // has an IPv4 address
}

func (l filteredLink) value() int64 { return max(l.all.value, l.own.value) }

func (l filteredLink) strict() bool { return l.value() == strictReversePath }

func (l filteredLink) looseIsStrict() bool { return l.value() > strictReversePath && !l.numbered }

// wanted is the least strict change that lets PTBs in: with an address loose on the
// interface, which is larger than strict of all; without one none at all.
func (l filteredLink) wanted() []setting {
	if l.numbered {
		return []setting{{l.own.path, looseReversePath}}
	}
	off := []setting{{l.own.path, noReversePath}}
	if l.all.value != noReversePath {
		off = append(off, setting{l.all.path, noReversePath})
	}
	return off
}

func (l filteredLink) finding() Finding {
	reading := "; the larger counts, 1 is strict"
	if !l.numbered {
		reading = "; the larger counts, and on an interface without an IPv4 address any but 0 is strict"
	}
	return Finding{
		Severity: Warning,
		Subject:  l.name,
		Read:     listSettings([]setting{l.all, l.own}) + reading,
		Why:      "IPv4 PTBs, and copies of them, that come in by " + l.name + " are dropped where this host would answer their router by another interface.",
		Mend:     sysctlCommands(l.wanted()),
	}
}

// strictAside is said of all interfaces at once that do not lead to routers as far
// as routes tell: a host of containers has hundreds.
func strictAside(links []filteredLink) Finding {
	var names []string
	var wanted []setting
	read := []setting{links[0].all}
	for _, l := range links {
		names = append(names, l.name)
		read = append(read, l.own)
		for _, w := range l.wanted() {
			if !slices.Contains(wanted, w) {
				wanted = append(wanted, w)
			}
		}
	}
	return Finding{
		Severity: Warning,
		Subject:  list(names),
		Read:     listSettings(read) + "; the larger counts, 1 is strict",
		Why: fmt.Sprintf("IPv4 PTBs that come in by %s are dropped where this host would answer their router by another interface; "+
			"one that leads to containers only may stay strict.", oneOf(names)),
		Mend: sysctlCommands(wanted),
	}
}

// oneOf refers to names that were given before.
func oneOf(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return fmt.Sprintf("one of these %d interfaces", len(names))
}
