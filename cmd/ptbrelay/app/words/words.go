// Package words says what each member of the closed sets means. Their names are those of
// the sets themselves.
package words

import (
	"ptbrelay/audit/report"
	"ptbrelay/classify"
	"ptbrelay/relay/deliver"
	"ptbrelay/relay/outcome"
	"ptbrelay/relay/transport"
)

// Word is what one member of a closed set means, and how it looks on the page.
type Word struct {
	Means string
	Kind  report.Kind
}

// Verdicts are what a message is.
var Verdicts = [classify.NumVerdicts]Word{
	classify.NotIP:          {"the IP header is not one, or not whole", report.Refused},
	classify.Truncated:      {"there are fewer bytes than its IP length says", report.Refused},
	classify.Fragment:       {"a fragment cannot be judged alone", report.Refused},
	classify.NotPTB:         {"it is no PTB, or none that a router can have sent", report.Refused},
	classify.BadChecksum:    {"the ICMP checksum is wrong: every receiver would drop it", report.Refused},
	classify.QuoteTruncated: {"it quotes less than the IP header and 8 bytes: no receiver can match it", report.Refused},
	classify.QuoteInvalid:   {"it quotes a malformed header, or addresses that no router forwards", report.Refused},
	classify.QuoteFragment:  {"it quotes a fragment other than the first, which has no ports", report.Refused},
	classify.QuoteProtocol:  {"it quotes a protocol that policy.protocols lacks", report.Refused},
	classify.QuoteMismatch:  {"it quotes a packet that the VIP did not send: forged, or NAT", report.Refused},
	classify.ForeignVIP:     {"it is about an address that is not served here", report.Refused},
	classify.ForeignPort:    {"it is about a port that is not served here", report.Refused},
	classify.MTUTooSmall:    {"it reports an MTU below policy.mtu.min4 or min6", report.Refused},
	classify.MTUTooLarge:    {"it reports an MTU that teaches nothing", report.Refused},
	classify.QuoteFits:      {"it quotes a packet that would have fitted", report.Refused},
	classify.Eligible:       {"it is believable", report.Good},
}

// Outcomes are what became of an eligible one from the wire.
var Outcomes = [outcome.NumOutcomes]Word{
	outcome.Relayed:       {"the kernel took at least one copy", report.Good},
	outcome.DryRun:        {"would have been relayed", report.Held},
	outcome.Paused:        {"would have been relayed", report.Held},
	outcome.Duplicate:     {"the same flow and MTU had a copy a moment ago", report.Spared},
	outcome.LimitedClient: {"the budget of the client's network was used up", report.Limited},
	outcome.LimitedRouter: {"the budget of the router's network was used up", report.Limited},
	outcome.LimitedNode:   {"the budget of this server was used up", report.Limited},
	outcome.Deferred:      {"a new flow, and what is left of the budget is for those that come back", report.Limited},
	outcome.QueueFull:     {"copies of earlier ones are still to be sent", report.Failed},
	outcome.NoPeers:       {"there is nobody to send to", report.Failed},
	outcome.SendFailed:    {"the kernel took none of the copies", report.Failed},
}

// Deliveries are what became of an eligible one from a peer.
var Deliveries = [outcome.NumDeliveries]Word{
	outcome.Injected:          {"the kernel took it", report.Good},
	outcome.DryRunDelivery:    {"would have been injected", report.Held},
	outcome.PausedDelivery:    {"would have been injected", report.Held},
	outcome.DuplicateDelivery: {"the same flow and MTU was injected a moment ago", report.Spared},
	outcome.LimitedPeer:       {"the budget of that peer was used up", report.Limited},
	outcome.LimitedDelivery:   {"the budget of all peers was used up", report.Limited},
	outcome.NotLocal:          {"the VIP is not local here", report.Spared},
	outcome.NotOwned:          {"no socket here has the flow", report.Spared},
	outcome.InjectFailed:      {"the kernel did not take it", report.Failed},
}

// Applied is what the kernel made of one that was injected.
var Applied = [deliver.NumResults]Word{
	deliver.Applied:   {"the kernel's path MTU sank", report.Good},
	deliver.Unchanged: {"it was not larger before", report.Spared},
	deliver.Ignored:   {"it is as large as before: forged, or the flow has moved on", report.Refused},
	deliver.Unknown:   {"could not be read, mostly since the flow had ended", report.Plain},
}

// Datagrams are what datagrams of the transport udp were.
var Datagrams = [transport.NumDatagramResults]Word{
	transport.Opened:          {"sealed by a member, and new", report.Good},
	transport.Unauthenticated: {"sealed by another key, or forged", report.Failed},
	transport.Replayed:        {"sent a second time", report.Refused},
	transport.Stale:           {"the clocks differ too much, or it was sealed before this daemon started", report.Refused},
	transport.BadVersion:      {"not of this version", report.Refused},
	transport.BadType:         {"of no type that is opened here", report.Refused},
	transport.BadSize:         {"no datagram of a member has this size", report.Refused},
	transport.Self:            {"sent by this daemon itself", report.Refused},
	transport.Limited:         {"too many of sessions not heard before: a flood of forgeries", report.Limited},
}
