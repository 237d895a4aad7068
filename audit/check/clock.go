package check

import (
	"fmt"
	"time"

	"ptbrelay/audit/host"
)

// clock looks for a clock that nobody keeps right, where the transport needs one.
func clock(f *Facts) []Finding {
	if f.Clock.Err != nil {
		return []Finding{unknown(f.Clock.Err, "Whether the clock is synchronised, as transport udp needs it to be, is not known.")}
	}
	read := readClock(f.Clock.Value)
	switch {
	case f.Clock.Value.Synchronised:
		return orOK(nil, read)
	case f.Expect.Transport != UDP:
		return orOK(nil, read+"; transport broadcast needs no clock")
	}
	return []Finding{{
		Severity: Warning,
		Read:     read,
		Why:      "Members refuse what a peer seals whose clock differs from theirs by more than udp.tolerance (30s by default).",
		Mend:     "timedatectl set-ntp true",
	}}
}

func readClock(c host.Clock) string {
	state := "not synchronised"
	if c.Synchronised {
		state = "synchronised"
	}
	return fmt.Sprintf("the kernel's clock is %s, off by at most %v as far as the kernel knows", state, c.MaxError.Round(time.Millisecond))
}
