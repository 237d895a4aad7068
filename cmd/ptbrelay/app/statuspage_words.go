package app

import (
	"ptbrelay/audit/report"
	"ptbrelay/classify"
	"ptbrelay/relay/deliver"
	"ptbrelay/relay/outcome"
	"ptbrelay/relay/transport"
)

// word is what one of a closed set means, and how it looks on the page.
type word struct {
	means string
	kind  report.Kind
}

var verdictWords = [classify.NumVerdicts]word{
	classify.NotIP:          {"no IP header, or not all of it", report.Refused},
	classify.Truncated:      {"fewer bytes than its IP length says", report.Refused},
	classify.Fragment:       {"a part of a packet cannot be judged alone", report.Refused},
	classify.NotPTB:         {"another protocol or ICMP message", report.Refused},
	classify.BadChecksum:    {"every receiver would drop it", report.Refused},
	classify.QuoteTruncated: {"quotes too little for any receiver to match", report.Refused},
	classify.QuoteInvalid:   {"quotes a malformed header", report.Refused},
	classify.QuoteFragment:  {"quotes a fragment without ports", report.Refused},
	classify.QuoteProtocol:  {"quotes a protocol that policy.protocols lacks", report.Refused},
	classify.QuoteMismatch:  {"quotes a packet that the VIP did not send: forged, or NAT", report.Refused},
	classify.ForeignVIP:     {"is about an address that is not served here", report.Refused},
	classify.ForeignPort:    {"is about a port that is not served here", report.Refused},
	classify.MTUTooSmall:    {"reports an MTU below policy.mtu.min4 or min6", report.Refused},
	classify.MTUTooLarge:    {"reports an MTU that teaches nothing", report.Refused},
	classify.QuoteFits:      {"quotes a packet that would have fitted", report.Refused},
	classify.Eligible:       {"believable", report.Good},
}

var outcomeWords = [outcome.NumOutcomes]word{
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

var deliveryWords = [outcome.NumDeliveries]word{
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

var appliedWords = [deliver.NumResults]word{
	deliver.Applied:   {"the kernel's path MTU sank", report.Good},
	deliver.Unchanged: {"it was not larger before", report.Spared},
	deliver.Ignored:   {"it is as large as before: forged, or the flow has moved on", report.Refused},
	deliver.Unknown:   {"could not be read, mostly since the connection had ended", report.Plain},
}

var datagramWords = [transport.NumDatagramResults]word{
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
