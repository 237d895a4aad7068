package check

import (
	"testing"

	"ptbrelay/audit/host"
)

// The kernel surely holds 12288 by a next hop of IPv4, and 5120 of IPv6.
func TestExceptionsFull(t *testing.T) {
	const why = "For each new path MTU the kernel forgets an old one, and its connection stalls again. So many may be forged: ptbrelay audit shows who sends PTBs."
	full4 := Finding{
		Severity: Warning,
		Subject:  "IPv4",
		Read:     "path MTU exceptions: 7000, of which 6144 by one next hop; it surely holds 12288",
		Why:      why,
	}
	full6 := Finding{
		Severity: Warning,
		Subject:  "IPv6",
		Read:     "path MTU exceptions: 9000, of which 9000 by one next hop; it surely holds 5120",
		Why:      why,
	}
	for name, c := range map[string]struct {
		exceptions host.Exceptions
		want       []Finding
	}{
		"IPv4": {host.Exceptions{IPv4: host.ExceptionSet{Count: 7000, Most: 6144}}, []Finding{full4}},
		"IPv6": {host.Exceptions{IPv6: host.ExceptionSet{Count: 9000, Most: 9000}}, []Finding{full6}},
		"both, and more": {
			host.Exceptions{IPv4: host.ExceptionSet{Count: 7000, Most: 6144, Partial: true}, IPv6: host.ExceptionSet{Count: 9000, Most: 9000}},
			[]Finding{full4, full6},
		},
		"many next hops": {
			host.Exceptions{IPv4: host.ExceptionSet{Count: 90000, Most: 6143}, IPv6: host.ExceptionSet{Count: 90000, Most: 2559}},
			[]Finding{{Severity: OK, Read: "path MTU exceptions: 90000 of IPv4, 90000 of IPv6"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts()
			f.Exceptions.Value = c.exceptions
			expect(t, "exceptions-full", f, c.want...)
		})
	}
}

func TestExceptionsFullUnknown(t *testing.T) {
	f := facts()
	f.Exceptions.Err = errRead
	expectUnknown(t, "exceptions-full", f, "the kernel did not say")
	f = facts()
	f.Exceptions.Value.IPv6 = host.ExceptionSet{Count: 12, Most: 12, Partial: true}
	expectUnknown(t, "exceptions-full", f, "path MTU exceptions: 0 of IPv4, 12 of IPv6, and more that were not looked at")
}
