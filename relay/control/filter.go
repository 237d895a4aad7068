package control

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"ptbrelay/classify"
	"ptbrelay/relay/outcome"
)

// Filter says which messages a watcher wants to see. The zero value lets all
// through.
type Filter struct {
	client  netip.Prefix // masked, never IPv4 in IPv6
	verdict string       // its name
	outcome string       // the name of an outcome, of a delivery, or of both
	refused bool         // only what [Hub.Refused] shows
}

// ParseFilter makes a filter of an address or prefix, the name of a verdict and
// that of an outcome or delivery; each may be empty. The error tells all that is
// wrong, one a line.
func ParseFilter(client, verdict, outcome string) (Filter, error) {
	prefix, clientErr := parseClient(client)
	err := errors.Join(clientErr, oneOf("verdict", verdict, VerdictNames()), oneOf("outcome", outcome, OutcomeNames()))
	if err == nil && outcome != "" && verdict != "" && verdict != classify.Eligible.String() {
		err = fmt.Errorf("verdict %s and outcome %s never go together: only what is eligible has an outcome", verdict, outcome)
	}
	if err != nil {
		return Filter{}, err
	}
	return Filter{client: prefix, verdict: verdict, outcome: outcome}, nil
}

// request asks to watch through the filter.
func (f Filter) request() request {
	r := request{Command: commandWatch, filterFields: filterFields{Verdict: f.verdict, Outcome: f.outcome}}
	if f.client.IsValid() {
		r.Client = f.client.String()
	}
	return r
}

func parseClient(text string) (netip.Prefix, error) {
	if text == "" {
		return netip.Prefix{}, nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		address, err := netip.ParseAddr(text)
		if err != nil || address.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("client %q is not an address or a prefix, such as 203.0.113.9 or 2001:db8::/32", text)
		}
		prefix = netip.PrefixFrom(address, address.BitLen())
	}
	if prefix.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("client %q is IPv4 in IPv6: write it as IPv4", text)
	}
	return prefix.Masked(), nil
}

// oneOf refuses a name that is not in a closed set.
func oneOf(what, name string, names []string) error {
	if name == "" || slices.Contains(names, name) {
		return nil
	}
	return fmt.Errorf("%s %q is not known; one of %s", what, name, strings.Join(names, ", "))
}

// VerdictNames are those of all verdicts.
func VerdictNames() (names []string) {
	for v := range classify.Verdicts() {
		names = append(names, v.String())
	}
	return names
}

// OutcomeNames are those of outcomes and deliveries, the common ones once.
func OutcomeNames() (names []string) {
	for o := range outcome.NumOutcomes {
		names = append(names, o.String())
	}
	for d := range outcome.NumDeliveries {
		if !slices.Contains(names, d.String()) {
			names = append(names, d.String())
		}
	}
	return names
}

func (f *Filter) matches(s *sighting) bool {
	if f.refused && !s.refused() {
		return false
	}
	if f.verdict != "" && f.verdict != s.verdict.String() {
		return false
	}
	if f.outcome != "" && f.outcome != s.outcome && f.outcome != s.delivery {
		return false
	}
	return !f.client.IsValid() || s.message.Flow != (classify.Flow{}) && f.client.Contains(s.message.Flow.Client())
}
