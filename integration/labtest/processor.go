//go:build linux

package labtest

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
)

// ProcessorTime is what a process took so far, all its threads, those that ended
// too: by the clock of clock_getcpuclockid(3), to the nanosecond, where
// /proc/PID/stat counts the ticks that happened to meet it.
func ProcessorTime(t testing.TB, p *lab.Process) time.Duration {
	t.Helper()
	const sched = 2 // CPUCLOCK_SCHED of linux/posix-timers_types.h
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^p.Pid()<<3|sched), &used); err != nil {
		t.Fatalf("processor time of process %d: %v", p.Pid(), err)
	}
	return time.Duration(used.Nano())
}
