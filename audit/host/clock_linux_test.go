package host

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/integration/labtest"
)

// By another system call, which knows the same clock by its name. What it may be
// off by grows each second while nobody disciplines it, so it is asked before and
// after.
func TestReadClock(t *testing.T) {
	labtest.Eventually(t, within, "the clock stands still for the time of three questions", func() error {
		var before, after unix.Timex
		if _, err := unix.ClockAdjtime(unix.CLOCK_REALTIME, &before); err != nil {
			return err
		}
		got, err := ReadClock()
		if err != nil {
			return err
		}
		if _, err := unix.ClockAdjtime(unix.CLOCK_REALTIME, &after); err != nil {
			return err
		}
		if before.Status != after.Status || before.Maxerror != after.Maxerror {
			return fmt.Errorf("it says %+v, then %+v", before, after)
		}
		want := Clock{before.Status&0x40 == 0, time.Duration(before.Maxerror * 1000)}
		if got != want {
			return fmt.Errorf("%+v, want %+v", got, want)
		}
		return nil
	})
}

func TestClock(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer unix.Timex
		clock  Clock
	}{
		{"nobody disciplines it", unix.Timex{Status: unix.STA_UNSYNC, Maxerror: 16_000_000}, Clock{false, 16 * time.Second}},
		{"NTP does", unix.Timex{Status: unix.STA_PLL | unix.STA_NANO, Maxerror: 1500}, Clock{true, 1500 * time.Microsecond}},
		{"NTP did", unix.Timex{Status: unix.STA_PLL | unix.STA_UNSYNC}, Clock{false, 0}},
	} {
		if got := clock(c.answer); got != c.clock {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.clock)
		}
	}
}
