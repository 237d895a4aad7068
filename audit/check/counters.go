package check

import (
	"fmt"

	"ptbrelay/audit/host"
)

// manyOutOfWindow is from how many on their share is looked at: a few come of
// connections that end while a PTB is under way.
const manyOutOfWindow = 100

// counters tells what the kernel has counted. Numbers since boot are no fault by
// themselves, so nothing of it is worse than info.
func counters(f *Facts) []Finding {
	if f.Counters.Err != nil {
		return []Finding{unknown(f.Counters.Err, "What the kernel has counted of PTBs is not known.")}
	}
	c := f.Counters.Value
	read := readCounters(c)
	// PTBs that fit are from routers on the way, those that do not are forged or
	// late. More of these than of all others is no longer lateness.
	if c.OutOfWindow < manyOutOfWindow || c.OutOfWindow <= (c.PTBIn+c.PTBIn6)/2 {
		return orOK(nil, read)
	}
	return []Finding{{
		Severity: Info,
		Read:     read,
		Why: "More than half of the ICMP errors here quote nothing that their TCP connection has under way: " +
			"somebody forges them, or they come very late. The kernel ignores them.",
	}}
}

// readCounters shows them by the names of nstat(8).
func readCounters(c host.Counters) string {
	return fmt.Sprintf("IcmpInDestUnreachs %d (PTBs and others), Icmp6InPktTooBigs %d, TcpExtOutOfWindowIcmps %d, "+
		"TcpExtTCPMTUPSuccess %d, TcpExtTCPMTUPFail %d, IpFragFails %d, Ip6FragFails %d, TCP connections opened %d, TcpRetransSegs %d",
		c.PTBIn, c.PTBIn6, c.OutOfWindow, c.ProbeSuccess, c.ProbeFail, c.FragFails, c.FragFails6, c.Opened, c.Retransmitted)
}
