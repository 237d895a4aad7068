package check

// pmtuDisabled looks for IPv4 path MTU discovery switched off or hardened
// (Documentation/networking/ip-sysctl.rst). In every mode but 0 new IPv4 sockets
// send without DF (inet_create in net/ipv4/af_inet.c); the modes differ in what
// becomes of a PTB (icmp_unreach in net/ipv4/icmp.c).
func pmtuDisabled(f *Facts) []Finding {
	mode, err := f.setting("net/ipv4/ip_no_pmtu_disc")
	if err != nil {
		return []Finding{unknown(err, "Whether this host does IPv4 path MTU discovery is not known.")}
	}
	if mode.value == 0 {
		return orOK(nil, mode.String())
	}
	return []Finding{{
		Severity: Warning,
		Read:     mode.String(),
		Why:      "New IPv4 sockets send without DF, so routers fragment what is too big, and " + fateOfPTBs(mode.value) + ".",
		Mend:     sysctlCommand(0, mode),
	}}
}

// fateOfPTBs is what the kernel does with an IPv4 PTB in a mode other than 0.
func fateOfPTBs(mode int64) string {
	switch mode {
	case 2:
		return "the kernel discards every IPv4 PTB"
	case 3:
		return "the kernel heeds IPv4 PTBs about TCP, SCTP and DCCP only; without the fix of CVE-2026-23398 a PTB that " +
			"quotes an unknown protocol crashes it, and whether this kernel has that fix cannot be told from here"
	default:
		return "any IPv4 PTB, whatever MTU it reports, lowers the path MTU to net.ipv4.route.min_pmtu"
	}
}
