package host

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Of linux/fib_rules.h.
const (
	frhFamily = 0 // offsets in struct fib_rule_hdr
	frhTOS    = 3
	frhBytes  = 12

	// x/sys/unix lacks these.
	fraDSCP     = 25 // FRA_DSCP, kernel 6.13
	fraDSCPMask = 30 // FRA_DSCP_MASK, kernel 6.15
)

// Bits of the TOS byte.
const (
	dscpShift = 2
	dscpBits  = 0x3f << dscpShift
	ecnBits   = 0x03
	// legacyTOS is all of it that IPv4 compares: INET_DSCP_LEGACY_TOS_MASK of
	// linux/in_route.h.
	legacyTOS = 0x1c
)

// maxRules bounds memory. The kernel looks at them one by one, so nobody has
// nearly as many.
const maxRules = 1 << 16

// ReadRules asks the kernel for the routing policy of the network namespace that
// the calling thread is in, both families, IPv4 first, each in the order that it
// applies them. It needs no privilege. Rules for multicast routing are left out.
// A kernel without routing policy has none.
func ReadRules() ([]Rule, error) {
	s, err := openStream(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var r rules
	_, err = s.dump(unix.RTM_GETRULE, unix.RTM_NEWRULE, make([]byte, frhBytes), &r)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	return r, nil
}

// rules collects them.
type rules []Rule

func (l *rules) begin() { *l = nil }

func (l *rules) add(b []byte) error {
	if len(b) < frhBytes {
		return errShort
	}
	if !isIP(b[frhFamily]) {
		return nil
	}
	r, err := decodeRule(b)
	if err != nil {
		return err
	}
	if len(*l) == maxRules {
		return fmt.Errorf("more than %d rules", maxRules)
	}
	*l = append(*l, r)
	return nil
}

// decodeRule reads struct fib_rule_hdr of IP and its attributes
// (fib_nl_fill_rule in net/core/fib_rules.c), host byte order.
func decodeRule(b []byte) (Rule, error) {
	r := Rule{IPv6: b[frhFamily] == unix.AF_INET6}
	r.setTOS(b[frhTOS])
	a := attributes{rest: b[frhBytes:]}
	for a.next() {
		switch a.kind {
		case unix.FRA_PRIORITY:
			r.Priority = a.number()
		case unix.FRA_FWMARK:
			r.Mark = a.number()
		case unix.FRA_FWMASK:
			r.MarkMask = a.number()
		case fraDSCP:
			r.TOS, r.TOSMask = a.dscp(), dscpBits
		case fraDSCPMask:
			r.TOSMask = a.dscp()
		}
	}
	return r, a.err
}

// setTOS takes that of a rule by TOS; 0: it is none.
func (r *Rule) setTOS(tos uint8) {
	switch {
	case tos == 0:
	case r.IPv6:
		r.TOS, r.TOSMask = tos, dscpBits|tos&ecnBits
	default:
		r.TOS, r.TOSMask = tos, legacyTOS|tos&ecnBits
	}
}

// dscp reads six bits as those of the TOS byte.
func (a *attributes) dscp() uint8 {
	if len(a.value) != 1 {
		a.err = errAttribute
		return 0
	}
	return a.value[0] << dscpShift
}
