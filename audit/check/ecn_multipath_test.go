package check

import (
	"testing"

	"ptbrelay/audit/host"
)

func TestECNMultipath(t *testing.T) {
	const (
		why  = "With ECN the SYN and the data of one connection differ in these bits and take different ways, so the data may reach a server that knows nothing of it."
		dscp = " Select by DSCP alone."
	)
	rule := func(r host.Rule) func(*Facts) {
		return func(f *Facts) { f.Rules.Value = append(f.Rules.Value, r) }
	}
	route := func(r host.FIBRoute) func(*Facts) {
		return func(f *Facts) { f.Routes.Value.ByTOS = []host.FIBRoute{r} }
	}
	for name, c := range map[string]struct {
		fault func(*Facts)
		want  Finding
	}{
		"IPv6 rule by ECN alone": {
			rule(host.Rule{IPv6: true, Priority: 100, TOS: 0x02, TOSMask: 0xfe}),
			Finding{
				Severity: Warning,
				Subject:  "ip -6 rule 100",
				Read:     "routing rules: it selects by TOS 0x02, mask 0xfe",
				Why:      why,
				Mend:     "ip -6 rule del priority 100 tos 0x02",
			},
		},
		"rule by the whole byte": {
			rule(host.Rule{Priority: 100, TOS: 0xb9, TOSMask: 0xff}),
			Finding{
				Severity: Warning,
				Subject:  "ip rule 100",
				Read:     "routing rules: it selects by TOS 0xb9, mask 0xff",
				Why:      why + dscp,
			},
		},
		"route by ECN alone": {
			route(host.FIBRoute{Destination: prefix("203.0.113.0/24"), Table: host.TableMain, TOS: 0x02}),
			Finding{
				Severity: Warning,
				Subject:  "203.0.113.0/24 table main metric 0 tos 0x02",
				Read:     "routing tables: it selects by TOS 0x02",
				Why:      why,
				Mend:     "ip route del 203.0.113.0/24 table main metric 0 tos 0x02",
			},
		},
		"route by DSCP and ECN": {
			route(host.FIBRoute{Destination: prefix("0.0.0.0/0"), Table: 9, Metric: 5, TOS: 0x12}),
			Finding{
				Severity: Warning,
				Subject:  "0.0.0.0/0 table 9 metric 5 tos 0x12",
				Read:     "routing tables: it selects by TOS 0x12",
				Why:      why + dscp,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts()
			c.fault(f)
			expect(t, "ecn-multipath", f, c.want)
		})
	}
}

// To select by DSCP, or by the bits that old IPv4 compares, parts no connection.
func TestNoECNMultipath(t *testing.T) {
	f := facts()
	f.Rules.Value = append(f.Rules.Value,
		host.Rule{Priority: 100, TOS: 0x10, TOSMask: 0x1c},
		host.Rule{IPv6: true, Priority: 100, TOS: 0xb8, TOSMask: 0xfc})
	f.Routes.Value.ByTOS = []host.FIBRoute{{Destination: prefix("203.0.113.0/24"), Table: host.TableMain, TOS: 0x10}}
	expect(t, "ecn-multipath", f, Finding{
		Severity: OK,
		Read:     "7 routing rules and 1 routes by TOS: none selects by ECN bits",
	})
	f.Rules.Value = append(f.Rules.Value, host.Rule{Priority: 5210, Mark: 0x80000, MarkMask: 0xff0000})
	expect(t, "ecn-multipath", f, Finding{
		Severity: OK,
		Read: "8 routing rules and 1 routes by TOS: none selects by ECN bits; " +
			"nftables: the marks that 1 of the rules select by come of no ECN bits",
	})
}

func TestECNMultipathUnknown(t *testing.T) {
	f := facts()
	f.Rules.Err = errRead
	expectUnknown(t, "ecn-multipath", f, "the kernel did not say")
	f = facts()
	f.Routes.Err = errRead
	expectUnknown(t, "ecn-multipath", f, "the kernel did not say")
	f = facts()
	f.Routes.Value.ByTOS = make([]host.FIBRoute, host.MaxKept)
	f.Routes.Value.LeftOut = 1
	expectUnknown(t, "ecn-multipath", f, "routing tables: more than 1000 routes by TOS, of which the first were looked at")
}
