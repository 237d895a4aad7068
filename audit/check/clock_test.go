package check

import (
	"testing"
	"time"

	"ptbrelay/audit/host"
)

func TestClock(t *testing.T) {
	const (
		right = "the kernel's clock is synchronised, off by at most 20ms as far as the kernel knows"
		wrong = "the kernel's clock is not synchronised, off by at most 16s as far as the kernel knows"
	)
	f := facts()
	expect(t, "clock", f, Finding{Severity: OK, Read: right})
	f.Expect.Transport = UDP
	expect(t, "clock", f, Finding{Severity: OK, Read: right})

	f.Clock = read(host.Clock{MaxError: 16 * time.Second})
	expect(t, "clock", f, Finding{
		Severity: Warning,
		Read:     wrong,
		Why:      "Members refuse what a peer seals whose clock differs from theirs by more than udp.tolerance (30s by default).",
		Mend:     "timedatectl set-ntp true",
	})
	f.Expect.Transport = Broadcast
	expect(t, "clock", f, Finding{Severity: OK, Read: wrong + "; transport broadcast needs no clock"})
}

func TestClockUnknown(t *testing.T) {
	f := facts()
	f.Clock = Fact[host.Clock]{Err: errRead}
	expectUnknown(t, "clock", f, errRead.Error())
}
