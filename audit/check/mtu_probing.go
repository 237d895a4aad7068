package check

// mtuProbing looks for TCP's own search for the path MTU (RFC 4821) switched off, which
// is the kernel's default. The setting is for both families.
func mtuProbing(f *Facts) []Finding {
	s, err := f.setting("net/ipv4/tcp_mtu_probing")
	if err != nil {
		return []Finding{unknown(err, "Whether TCP would find a path MTU without PTBs is not known.")}
	}
	if s.value != 0 {
		return orOK(nil, s.String())
	}
	return []Finding{{
		Severity: Info,
		Read:     s.String(),
		Why:      "Where no PTB comes at all a TCP connection hangs until it times out: the kernel's own second defence is off.",
		Mend:     sysctlCommand(1, s),
	}}
}
