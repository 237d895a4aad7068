package replay

import (
	"fmt"
	"net/netip"
	"time"

	"ptbrelay/classify"
	"ptbrelay/cmd/ptbrelay/app/words"
	"ptbrelay/relay/outcome"
)

// reasons says in a sentence why a message has its verdict or outcome.
type reasons struct {
	policy classify.Policy
	copies *lastCopies
}

func newReasons(p classify.Policy) reasons {
	return reasons{policy: p, copies: newLastCopies()}
}

// of is to be asked about every message, in order: it remembers the copies. now is
// the time since the replay began.
func (r *reasons) of(now time.Duration, m *classify.Message, v classify.Verdict, o outcome.Outcome) string {
	if v == classify.Eligible {
		return r.outcome(now, m, o)
	}
	return r.refused(m, v)
}

// refused is about what the policy says, and else about what the message lacks.
func (r *reasons) refused(m *classify.Message, v classify.Verdict) string {
	switch v {
	case classify.QuoteProtocol:
		return fmt.Sprintf("it quotes protocol %v, which is not in policy.protocols", m.Flow.Protocol())
	case classify.QuoteMismatch:
		return fmt.Sprintf("it quotes a packet from %v, and went to %v", m.QuoteSource, m.VIP)
	case classify.ForeignVIP:
		return fmt.Sprintf("%v is not in vips", m.VIP)
	case classify.ForeignPort:
		return fmt.Sprintf("it quotes server port %d, which is not in policy.ports", m.Flow.VIPPort())
	case classify.MTUTooSmall:
		key, least := "min4", r.policy.MinMTU4
		if m.Family == classify.IPv6 {
			key, least = "min6", r.policy.MinMTU6
		}
		return fmt.Sprintf("it reports %d, and must report %d at least (policy.mtu.%s)", m.MTU, least, key)
	case classify.MTUTooLarge:
		return fmt.Sprintf("it reports %d, and must report less than %d (policy.mtu.max)", m.MTU, r.policy.MaxMTU)
	case classify.QuoteFits:
		return fmt.Sprintf("it reports %d, and quotes a packet of %d bytes, which fits (policy.strict)", m.MTU, m.QuoteLength)
	case classify.NotIP, classify.Truncated, classify.Fragment, classify.NotPTB, classify.BadChecksum,
		classify.QuoteTruncated, classify.QuoteInvalid, classify.QuoteFragment, classify.Eligible:
	}
	return words.Verdicts[v].Means
}

func (r *reasons) outcome(now time.Duration, m *classify.Message, o outcome.Outcome) string {
	switch o {
	case outcome.Relayed:
		r.copies.note(now, m)
		return "it is believable and new"
	case outcome.DryRun:
		r.copies.note(now, m)
		return "it is believable and new, and relay.dry_run is on"
	case outcome.Duplicate:
		if ago, ok := r.copies.age(now, m); ok {
			return fmt.Sprintf("the same flow and MTU had a copy %.6f s ago", ago.Seconds())
		}
		return "the same flow and MTU had a copy in the last 10 s"
	case outcome.LimitedClient:
		return fmt.Sprintf("the budget for client %v has nothing left for it (relay.limits.client)", network(m.Flow.Client()))
	case outcome.LimitedRouter:
		return fmt.Sprintf("the budget for router %v has nothing left for it (relay.limits.router)", network(m.Router))
	case outcome.LimitedNode:
		return "the budget for all has nothing left for it (relay.limits.node)"
	case outcome.Deferred:
		return "the budget for all keeps what is left for flows that come back (relay.limits.node)"
	case outcome.Paused, outcome.QueueFull, outcome.NoPeers, outcome.SendFailed, outcome.NumOutcomes:
	}
	return "" // no replay ends so
}

// network is the prefix by which the budgets know an address.
func network(a netip.Addr) netip.Prefix {
	bits := 64
	if a.Is4() {
		bits = 32
	}
	return netip.PrefixFrom(a, bits).Masked()
}
