package audit

import "ptbrelay/audit/host"

// kernelCounter is one counter of the kernel, as nstat(8) calls it.
type kernelCounter struct {
	name, means string
	of          func(host.Counters) uint64
}

var kernelCounters = []kernelCounter{
	{"IcmpInDestUnreachs", "ICMP type 3 received: PTBs, and others that the kernel does not tell apart",
		func(c host.Counters) uint64 { return c.PTBIn }},
	{"Icmp6InPktTooBigs", "ICMPv6 PTBs received",
		func(c host.Counters) uint64 { return c.PTBIn6 }},
	{"TcpExtOutOfWindowIcmps", "ICMP errors that fit no segment under way: forged or late, ignored",
		func(c host.Counters) uint64 { return c.OutOfWindow }},
	{"TcpExtTCPMTUPSuccess", "TCP's own probes for a path MTU that succeeded",
		func(c host.Counters) uint64 { return c.ProbeSuccess }},
	{"TcpExtTCPMTUPFail", "TCP's own probes for a path MTU that failed",
		func(c host.Counters) uint64 { return c.ProbeFail }},
	{"IpFragFails", "IPv4 packets too big to be sent or forwarded whole",
		func(c host.Counters) uint64 { return c.FragFails }},
	{"Ip6FragFails", "IPv6 packets too big to be sent or forwarded whole",
		func(c host.Counters) uint64 { return c.FragFails6 }},
	{"TcpActiveOpens+TcpPassiveOpens", "TCP connections opened from here and to here",
		func(c host.Counters) uint64 { return c.Opened }},
	{"TcpRetransSegs", "TCP segments sent again",
		func(c host.Counters) uint64 { return c.Retransmitted }},
}

// countersBetween tells the counters at the end, and how fast they grew since the
// beginning, where that was read.
func countersBetween(begin, end host.Counters) []Counter {
	all := make([]Counter, 0, len(kernelCounters))
	seconds := end.At.Sub(begin.At).Seconds()
	for _, k := range kernelCounters {
		c := Counter{Name: k.name, Value: k.of(end), Means: k.means}
		if before := k.of(begin); !begin.At.IsZero() && seconds > 0 && before < c.Value {
			c.PerSecond = float64(c.Value-before) / seconds
		}
		all = append(all, c)
	}
	return all
}
