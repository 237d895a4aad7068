package check

import (
	"io/fs"
	"testing"
)

func TestPMTUDisabled(t *testing.T) {
	const sockets = "New IPv4 sockets send without DF, so routers fragment what is too big, and "
	tests := map[string]string{
		"1": sockets + "any IPv4 PTB, whatever MTU it reports, lowers the path MTU to net.ipv4.route.min_pmtu.",
		"2": sockets + "the kernel discards every IPv4 PTB.",
		"3": sockets + "the kernel heeds IPv4 PTBs about TCP, SCTP and DCCP only; without the fix of CVE-2026-23398 " +
			"a PTB that quotes an unknown protocol crashes it, and whether this kernel has that fix cannot be told from here.",
		"4": sockets + "any IPv4 PTB, whatever MTU it reports, lowers the path MTU to net.ipv4.route.min_pmtu.",
	}
	expect(t, "pmtu-disabled", facts(), Finding{Severity: OK, Read: "net.ipv4.ip_no_pmtu_disc = 0"})
	for mode, why := range tests {
		t.Run(mode, func(t *testing.T) {
			f := facts()
			setSysctl(f, "net/ipv4/ip_no_pmtu_disc", mode)
			expect(t, "pmtu-disabled", f, Finding{Severity: Warning, Read: "net.ipv4.ip_no_pmtu_disc = " + mode,
				Why: why, Mend: "sysctl -w net.ipv4.ip_no_pmtu_disc=0"})
		})
	}
}

func TestPMTUDisabledUnknown(t *testing.T) {
	f := facts()
	failSysctl(f, "net/ipv4/ip_no_pmtu_disc", errRead)
	expectUnknown(t, "pmtu-disabled", f, "open /proc/sys/net/ipv4/ip_no_pmtu_disc: "+errRead.Error())

	failSysctl(f, "net/ipv4/ip_no_pmtu_disc", fs.ErrNotExist)
	expectUnknown(t, "pmtu-disabled", f, "net.ipv4.ip_no_pmtu_disc: file does not exist")
}
