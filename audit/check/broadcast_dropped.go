package check

import (
	"slices"

	"ptbrelay/audit/host"
)

const dropUnicast = "drop_unicast_in_l2_multicast"

// broadcastDropped looks for interfaces where the kernel drops unicast packets that
// come in broadcast frames, as copies by broadcast do. For IPv4 the value of all or
// the interface's own does it (IN_DEV_ORCONF, ip_rcv_finish_core in
// net/ipv4/ip_input.c); for IPv6 the interface's own alone, all is not heeded
// (ip6_rcv_core in net/ipv6/ip6_input.c). Where copies are broadcast it looks for rules
// too that drop them for it.
func broadcastDropped(f *Facts) []Finding {
	const unsaid = "Whether the kernel drops copies that come in broadcast frames is not known."
	names, err := f.broadcastInterfaces()
	if err != nil {
		return []Finding{unknown(err, unsaid)}
	}
	all, err := f.setting("net/ipv4/conf/all/" + dropUnicast)
	if err != nil {
		return []Finding{unknown(err, unsaid)}
	}
	var found []Finding
	read := []setting{all}
	for _, name := range names {
		if f.missing(name) {
			found = append(found, Finding{
				Severity: Error,
				Subject:  name,
				Read:     "configuration: it is one of interfaces; there is no interface of that name",
				Why:      "ptbrelay cannot start: name one of those that ip link shows.",
			})
			continue
		}
		own, err := f.dropsUnicast(name)
		if err != nil {
			found = append(found, unknownAt(name, err, unsaid))
			continue
		}
		read = append(read, own...)
		if on := nonZero(append([]setting{all}, own...)); len(on) > 0 {
			found = append(found, dropsCopies(f.Expect.Transport, name, on))
		}
	}
	if f.Expect.Transport == UDP {
		return orOK(found, listSettings(read))
	}
	filtered, well := f.broadcastFiltered(names)
	return orOK(append(found, filtered...), listSettings(read)+"; "+well)
}

// broadcastInterfaces are those that copies by broadcast come in by: those that
// are named for it, else every one that is up and has an Ethernet header.
func (f *Facts) broadcastInterfaces() ([]string, error) {
	if f.Expect.Transport != UDP && len(f.Expect.Interfaces) > 0 {
		return f.Expect.Interfaces, nil
	}
	if f.Links.Err != nil {
		return nil, f.Links.Err
	}
	var names []string
	for _, l := range f.Links.Value {
		if l.Up && l.Ethernet && !l.Loopback {
			names = append(names, l.Name)
		}
	}
	return names, nil
}

// missing reports whether this host surely has no interface of that name.
func (f *Facts) missing(name string) bool {
	return f.Links.Err == nil && !slices.ContainsFunc(f.Links.Value, func(l host.Link) bool { return l.Name == name })
}

// dropsUnicast reads what the interface itself says, IPv6 only where it speaks
// that.
func (f *Facts) dropsUnicast(name string) ([]setting, error) {
	own4, err := f.setting("net/ipv4/conf/" + name + "/" + dropUnicast)
	if err != nil {
		return nil, err
	}
	path6 := "net/ipv6/conf/" + name + "/" + dropUnicast
	value6, ok, err := f.sysctlNumber(path6)
	if err != nil || !ok {
		return []setting{own4}, err
	}
	return []setting{own4, {path6, value6}}, nil
}

func nonZero(settings []setting) (on []setting) {
	for _, s := range settings {
		if s.value != 0 {
			on = append(on, s)
		}
	}
	return on
}

// dropsCopies is the finding about an interface where these settings are on.
func dropsCopies(t Transport, name string, on []setting) Finding {
	found := Finding{
		Severity: Error,
		Subject:  name,
		Read:     listSettings(on),
		Mend:     sysctlCommand(0, on...),
		Why:      "The kernel silently drops copies that come in broadcast frames by " + name + ", so this host does not learn from its peers.",
	}
	if t == UDP {
		found.Severity = Info
		found.Why = "Copies over udp are not affected; broadcast copies that come in by " + name + " would be dropped silently."
	}
	return found
}
