package host

import "time"

// Clock is what the kernel knows of its clock (adjtimex(2)).
type Clock struct {
	// Synchronised: somebody disciplines it. Chrony, ntpd and systemd-timesyncd
	// tell the kernel; a virtual machine whose hypervisor does it may not.
	Synchronised bool
	// MaxError is what the kernel thinks it may be off by.
	MaxError time.Duration
}
