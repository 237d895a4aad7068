package classify

import "iter"

// Verdict is what a received packet is. Every packet has exactly one: the
// first of the list below that holds.
type Verdict uint8

// The closed set of verdicts, in the order of judgement. NotIP to
// QuoteFragment come from [Decoder.Decode], the others from [Policy.Classify].
const (
	// NotIP: the version nibble is neither 4 nor 6, or the packet or its own
	// IP length is shorter than the IP header.
	NotIP Verdict = iota
	// Truncated: fewer bytes than the IP length says, cannot be relayed whole.
	Truncated
	// Fragment: a part of an IP packet cannot be judged alone.
	Fragment
	// NotPTB: another protocol, another ICMP type or code, or what no receiver
	// would take for a PTB: shorter than the ICMP header, an outer source that
	// no router can have, a routing header that points elsewhere.
	NotPTB
	// BadChecksum: the ICMP checksum is wrong, every receiver would drop it.
	BadChecksum
	// QuoteTruncated: less than the quoted IP header(s) and 8 bytes.
	QuoteTruncated
	// QuoteInvalid: the quote is of another IP version, its header is
	// malformed, or its addresses are none that a router forwards.
	QuoteInvalid
	// QuoteFragment: the quote is a fragment other than the first, no ports.
	QuoteFragment
	// QuoteProtocol: the quoted protocol is not in [Policy.Protocols].
	QuoteProtocol
	// QuoteMismatch: the quote's source is not the outer destination.
	QuoteMismatch
	// ForeignVIP: the VIP is not covered by [Policy.VIPs].
	ForeignVIP
	// ForeignPort: the quote's source port is not in [Policy.Ports].
	ForeignPort
	// MTUTooSmall: the next-hop MTU is below the family's minimum.
	MTUTooSmall
	// MTUTooLarge: the next-hop MTU is not below [Policy.MaxMTU].
	MTUTooLarge
	// QuoteFits: by its own length the quoted packet fits the next-hop MTU.
	QuoteFits
	// Eligible: none of the above.
	Eligible
)

// NumVerdicts is the number of verdicts, for arrays indexed by [Verdict].
const NumVerdicts = int(Eligible) + 1

var verdictNames = [NumVerdicts]string{
	NotIP:          "not-ip",
	Truncated:      "truncated",
	Fragment:       "fragment",
	NotPTB:         "not-ptb",
	BadChecksum:    "bad-checksum",
	QuoteTruncated: "quote-truncated",
	QuoteInvalid:   "quote-invalid",
	QuoteFragment:  "quote-fragment",
	QuoteProtocol:  "quote-protocol",
	QuoteMismatch:  "quote-mismatch",
	ForeignVIP:     "foreign-vip",
	ForeignPort:    "foreign-port",
	MTUTooSmall:    "mtu-too-small",
	MTUTooLarge:    "mtu-too-large",
	QuoteFits:      "quote-fits",
	Eligible:       "eligible",
}

// String returns the metric label, such as "not-ip".
func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return "invalid"
}

// OfMTU tells the verdicts of PTBs that are for us and say something about a path,
// believable or not.
func (v Verdict) OfMTU() bool {
	return v == Eligible || v == MTUTooSmall || v == MTUTooLarge || v == QuoteFits
}

// Verdicts iterates over all verdicts in the order of judgement.
func Verdicts() iter.Seq[Verdict] {
	return func(yield func(Verdict) bool) {
		for v := range Verdict(NumVerdicts) {
			if !yield(v) {
				return
			}
		}
	}
}
