package control

import (
	"strings"
	"testing"
)

func TestParseFilter(t *testing.T) {
	for _, c := range []struct{ client, want string }{
		{"", "invalid Prefix"},
		{"203.0.113.9", "203.0.113.9/32"},
		{"203.0.113.9/24", "203.0.113.0/24"},
		{"2001:db8::9", "2001:db8::9/128"},
		{"2001:db8::9/32", "2001:db8::/32"},
	} {
		f, err := ParseFilter(c.client, "eligible", "relayed")
		if err != nil || f.client.String() != c.want || f.verdict != "eligible" || f.outcome != "relayed" {
			t.Errorf("%q: %+v, %v", c.client, f, err)
		}
	}
	for _, name := range append(OutcomeNames(), VerdictNames()...) {
		_, asVerdict := ParseFilter("", name, "")
		_, asOutcome := ParseFilter("", "", name)
		if (asVerdict == nil) == (asOutcome == nil) {
			t.Errorf("%s: as verdict %v, as outcome %v", name, asVerdict, asOutcome)
		}
	}
}

func TestParseFilterErrors(t *testing.T) {
	for _, c := range []struct {
		client, verdict, outcome string
		want                     []string // a line each
	}{
		{"203.0.113", "", "", []string{`client "203.0.113" is not an address or a prefix`}},
		{"203.0.113.9/33", "", "", []string{"is not an address or a prefix"}},
		{"fe80::1%eth0", "", "", []string{"is not an address or a prefix"}},
		{"::ffff:192.0.2.1", "", "", []string{"is IPv4 in IPv6"}},
		{"::ffff:192.0.2.0/120", "", "", []string{"is IPv4 in IPv6"}},
		{"", "Eligible", "", []string{`verdict "Eligible" is not known; one of not-ip, `}},
		{"", "relayed", "", []string{`verdict "relayed" is not known`}},
		{"", "", "eligible", []string{`outcome "eligible" is not known; one of relayed, dry-run, `}},
		{"", "not-ptb", "relayed", []string{"only what is eligible has an outcome"}},
		{"x", "y", "z", []string{"client", "verdict", "outcome"}},
	} {
		_, err := ParseFilter(c.client, c.verdict, c.outcome)
		if err == nil {
			t.Errorf("%+v: no error", c)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(c.want) {
			t.Errorf("%+v: %q", c, lines)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(lines[i], want) {
				t.Errorf("%q does not say %q", lines[i], want)
			}
		}
	}
}
