package host

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// ReadClock asks the kernel about its clock (adjtimex(2)), which every namespace
// shares. It needs no privilege, but some containers' seccomp profiles refuse it.
func ReadClock() (Clock, error) {
	var t unix.Timex // no modes: changes nothing
	if _, err := unix.Adjtimex(&t); err != nil {
		return Clock{}, fmt.Errorf("read clock: adjtimex: %w", err)
	}
	return clock(t), nil
}

// clock tells what adjtimex said; maxerror is in microseconds.
func clock(t unix.Timex) Clock {
	return Clock{
		Synchronised: t.Status&unix.STA_UNSYNC == 0,
		MaxError:     time.Duration(t.Maxerror) * time.Microsecond,
	}
}
