package firewall

import "slices"

// Likelihood is whether rules do something.
type Likelihood uint8

// The likelihoods.
const (
	Never Likelihood = iota
	// Perhaps: it cannot be told, for a rule is not wholly understood or depends on
	// more than what is known.
	Perhaps
	Surely
)

// Deed is something that a rule does, named and told as in an [Outcome]; of what
// never happens there is no rule.
type Deed struct {
	Likelihood Likelihood
	Rule, Text string
}

func (at *site) deed(l Likelihood) Deed {
	rule, text := at.tell()
	return Deed{l, rule, text}
}

// legacyDeed is what tables of iptables' older kind may do that have one of the names.
func (r Ruleset) legacyDeed(ipv6 bool, names ...string) Deed {
	for _, name := range names {
		t := versionOf(ipv6).String() + " " + name
		if slices.Contains(r.Legacy, t) {
			return Deed{Perhaps, legacyRule + t, legacyText}
		}
	}
	return Deed{}
}
