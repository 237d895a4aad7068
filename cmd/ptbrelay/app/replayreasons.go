package app

import (
	"fmt"
	"net/netip"
	"time"

	"ptbrelay/classify"
	"ptbrelay/relay/outcome"
)

// replayReasons says in a sentence why a message has its verdict or outcome.
type replayReasons struct {
	policy classify.Policy
	copies *lastCopies
}

func newReplayReasons(p classify.Policy) replayReasons {
	return replayReasons{policy: p, copies: newLastCopies()}
}

// of is to be asked about every message, in order: it remembers the copies. now is
// the time since the replay began.
func (r *replayReasons) of(now time.Duration, m *classify.Message, v classify.Verdict, o outcome.Outcome) string {
	if v == classify.Eligible {
		return r.outcome(now, m, o)
	}
	if reason := malformed[v]; reason != "" {
		return reason
	}
	return r.refused(m, v)
}

// malformed are the reasons for what [classify.Decoder] says.
var malformed = [classify.NumVerdicts]string{
	classify.NotIP:          "the IP header is not one, or not whole",
	classify.Truncated:      "there are fewer bytes than its IP length says",
	classify.Fragment:       "a fragment cannot be judged alone",
	classify.NotPTB:         "it is no fragmentation needed or packet too big that a router can have sent",
	classify.BadChecksum:    "the ICMP checksum is wrong: every receiver would drop it",
	classify.QuoteTruncated: "it quotes less than the IP header and 8 bytes: no receiver can match it",
	classify.QuoteInvalid:   "it quotes a malformed header, or addresses that no router forwards",
	classify.QuoteFragment:  "it quotes a fragment other than the first, which has no ports",
}

// refused is about what the policy says.
func (r *replayReasons) refused(m *classify.Message, v classify.Verdict) string {
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
	return "" // the policy says none of these
}

func (r *replayReasons) outcome(now time.Duration, m *classify.Message, o outcome.Outcome) string {
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
