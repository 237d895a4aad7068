package check

import "fmt"

// leastPathMTU in bytes is the kernel's default, and leastExpiry in seconds is a
// tenth of it (DEFAULT_MIN_PMTU and DEFAULT_MTU_EXPIRES in net/ipv4/route.c).
const (
	leastPathMTU = 552
	leastExpiry  = 60
)

// floor is a sysctl that does harm where it is less than least.
type floor struct {
	path           string
	least, mending int64
	why            string
}

func floors() []floor {
	const forgets = "The kernel forgets a path MTU that it has learned so soon that long connections " +
		"need PTB after PTB, and stall where routers limit those."
	return []floor{
		{"net/ipv4/route/min_pmtu", leastPathMTU, leastPathMTU,
			"A single forged PTB makes this host send packets that small, which costs it much and helps attacks by fragments."},
		{"net/ipv4/route/mtu_expires", leastExpiry, 600, forgets},
		{"net/ipv6/route/mtu_expires", leastExpiry, 600, forgets},
	}
}

// pmtuFloor looks for path MTUs that may become too small or are forgotten too soon.
// Kernels before 5.17 (commits 1de6b15a434c and 1135fad20480) show the IPv4 settings
// only in the first network namespace, though they hold in all, unless a later stable
// release brought them the change; and in other user namespaces those of IPv6 are never
// shown: then they are unknown.
func pmtuFloor(f *Facts) []Finding {
	var found []Finding
	var read []setting
	for _, l := range floors() {
		s, err := f.setting(l.path)
		switch {
		case err != nil && l.path == "net/ipv6/route/mtu_expires" && f.withoutIPv6():
			continue
		case err != nil:
			found = append(found, unknown(err, fmt.Sprintf("Whether %s is at least %d is not known; "+
				"some namespaces do not show it, so look outside of the container.", sysctlName(l.path), l.least)))
		case s.value < l.least:
			found = append(found, Finding{Severity: Warning, Read: s.String(), Why: l.why, Mend: sysctlCommand(l.mending, s)})
		}
		read = append(read, s)
	}
	return orOK(found, listSettings(read))
}

// withoutIPv6 reports whether the kernel says that it does not speak IPv6.
func (f *Facts) withoutIPv6() bool {
	_, ok, err := f.sysctlNumber("net/ipv6/conf/all/forwarding")
	return err == nil && !ok
}
