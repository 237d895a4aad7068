package check

import (
	"io/fs"
	"testing"
)

const (
	minPMTU  = "net/ipv4/route/min_pmtu"
	expires4 = "net/ipv4/route/mtu_expires"
	expires6 = "net/ipv6/route/mtu_expires"
)

func TestPMTUFloor(t *testing.T) {
	const (
		small  = "A single forged PTB makes this host send packets that small, which costs it much and helps attacks by fragments."
		forget = "The kernel forgets a path MTU that it has learned so soon that long connections need PTB after PTB, and stall where routers limit those."
	)
	tests := []struct{ path, value, read, why, mend string }{
		{minPMTU, "551", "net.ipv4.route.min_pmtu = 551", small, "sysctl -w net.ipv4.route.min_pmtu=552"},
		{expires4, "59", "net.ipv4.route.mtu_expires = 59", forget, "sysctl -w net.ipv4.route.mtu_expires=600"},
		{expires6, "0", "net.ipv6.route.mtu_expires = 0", forget, "sysctl -w net.ipv6.route.mtu_expires=600"},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			f := facts()
			setSysctl(f, tt.path, tt.value)
			expect(t, "pmtu-floor", f, Finding{Severity: Warning, Read: tt.read, Why: tt.why, Mend: tt.mend})
		})
	}
}

func TestPMTUFloorOK(t *testing.T) {
	f := facts()
	expect(t, "pmtu-floor", f, Finding{Severity: OK,
		Read: "net.ipv4.route.min_pmtu = 552, net.ipv4.route.mtu_expires = 600, net.ipv6.route.mtu_expires = 600"})

	setSysctl(f, expires4, "60")
	setSysctl(f, expires6, "60")
	expect(t, "pmtu-floor", f, Finding{Severity: OK,
		Read: "net.ipv4.route.min_pmtu = 552, net.ipv4.route.mtu_expires = 60, net.ipv6.route.mtu_expires = 60"})
}

// TestPMTUFloorUnknown: what a namespace does not show, or cannot be read, is
// unknown; that of a kernel without IPv6 is nothing at all.
func TestPMTUFloorUnknown(t *testing.T) {
	for _, path := range []string{minPMTU, expires4, expires6} {
		t.Run(path, func(t *testing.T) {
			f := facts()
			failSysctl(f, path, fs.ErrNotExist)
			expectUnknown(t, "pmtu-floor", f, sysctlName(path)+": file does not exist")

			failSysctl(f, path, errRead)
			expectUnknown(t, "pmtu-floor", f, "open /proc/sys/"+path+": "+errRead.Error())
		})
	}
	t.Run("without IPv6", func(t *testing.T) {
		f := facts()
		failSysctl(f, expires6, fs.ErrNotExist)
		failSysctl(f, "net/ipv6/conf/all/forwarding", fs.ErrNotExist)
		expect(t, "pmtu-floor", f, Finding{Severity: OK, Read: "net.ipv4.route.min_pmtu = 552, net.ipv4.route.mtu_expires = 600"})
	})
	t.Run("one is unknown and another too small", func(t *testing.T) {
		f := facts()
		setSysctl(f, minPMTU, "68")
		failSysctl(f, expires6, fs.ErrNotExist)
		found := examine(t, "pmtu-floor", f)
		if len(found) != 2 || found[0].Severity != Warning || found[1].Severity != Unknown {
			t.Errorf("%+v, want a warning and an unknown", found)
		}
	})
}
