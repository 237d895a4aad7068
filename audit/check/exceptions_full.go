package check

import (
	"fmt"

	"ptbrelay/audit/host"
)

// nearlyFull is the share of the limit from which there are too many exceptions:
// they are in hash buckets that do not fill evenly, so the first are evicted long
// before the last bucket is full.
const nearlyFull = 0.5

// exceptionsFull looks for so many learned path MTUs that the kernel forgets old
// ones before they expire.
func exceptionsFull(f *Facts) []Finding {
	const unsaid = "Whether the kernel forgets path MTUs for want of room is not known."
	if f.Exceptions.Err != nil {
		return []Finding{unknown(f.Exceptions.Err, unsaid)}
	}
	e := f.Exceptions.Value
	var found []Finding
	for _, family := range []struct {
		name  string
		set   host.ExceptionSet
		limit int
	}{
		{"IPv4", e.IPv4, host.ExceptionLimit4},
		{"IPv6", e.IPv6, host.ExceptionLimit6},
	} {
		if float64(family.set.Most) < nearlyFull*float64(family.limit) {
			continue
		}
		found = append(found, Finding{
			Severity: Warning,
			Subject:  family.name,
			Read:     fmt.Sprintf("path MTU exceptions: %d, of which %d by one next hop; it surely holds %d", family.set.Count, family.set.Most, family.limit),
			Why:      "For each new path MTU the kernel forgets an old one, and its connection stalls again. So many may be forged: ptbrelay audit shows who sends PTBs.",
		})
	}
	read := fmt.Sprintf("path MTU exceptions: %d of IPv4, %d of IPv6", e.IPv4.Count, e.IPv6.Count)
	if len(found) == 0 && (e.IPv4.Partial || e.IPv6.Partial) {
		return []Finding{{Severity: Unknown, Read: read + ", and more that were not looked at", Why: unsaid}}
	}
	return orOK(found, read)
}
