package control

import (
	"net/netip"
	"time"

	"ptbrelay/classify"
)

// Wire is what [Event.From] says of a message that no peer has sent.
const Wire = "wire"

// Event is one message and what became of it, as a line of the stream that
// `watch` reads. A line with nothing but Time and Skipped says that nothing of
// late could be shown.
type Event struct {
	// Time is when the daemon was done with the message.
	Time Time `json:"time"`
	// From is [Wire] or the address of the peer that sent the copy.
	From string `json:"from,omitempty"`
	// Family is "ipv4", "ipv6" or "unknown".
	Family string `json:"family,omitempty"`
	// Verdict is the name of a [classify.Verdict].
	Verdict string `json:"verdict,omitempty"`
	// Outcome is what became of an eligible message from the wire.
	Outcome string `json:"outcome,omitempty"`
	// Delivery is what became of an eligible message from a peer.
	Delivery string `json:"delivery,omitempty"`
	// Router and VIP are the outer source and destination; absent from what is
	// not IP.
	Router netip.Addr `json:"router,omitzero"`
	VIP    netip.Addr `json:"vip,omitzero"`
	// VIPPort, Client, ClientPort and Protocol are what the quote names; absent
	// where the message was refused before that was read. Protocol is "tcp",
	// "udp", "sctp", "dccp" or a number.
	VIPPort    uint16     `json:"vip_port,omitempty"`
	Client     netip.Addr `json:"client,omitzero"`
	ClientPort uint16     `json:"client_port,omitempty"`
	Protocol   string     `json:"protocol,omitempty"`
	// MTU is the next-hop MTU in bytes; absent where it is 0 or was not read.
	MTU uint32 `json:"mtu,omitempty"`
	// Skipped is how many messages matched the filter since the line before and
	// were not shown.
	Skipped uint64 `json:"skipped,omitempty"`
}

// Time is written as RFC 3339 with microseconds, in UTC.
type Time struct{ time.Time }

// MarshalJSON implements [json.Marshaler].
func (t Time) MarshalJSON() ([]byte, error) {
	return t.UTC().AppendFormat(nil, `"2006-01-02T15:04:05.000000Z07:00"`), nil
}

// sighting is what the hub is told, before it is known whether anybody wants to
// see it.
type sighting struct {
	peer     netip.Addr // invalid: from the wire
	message  *classify.Message
	verdict  classify.Verdict
	outcome  string // where eligible: of these two the one that applies
	delivery string
}

// event copies what an event says of the message.
func (s *sighting) event(now time.Time) Event {
	e := EventOf(now, s.message, s.verdict)
	e.From, e.Outcome, e.Delivery = Wire, s.outcome, s.delivery
	if s.peer.IsValid() {
		e.From = s.peer.Unmap().String()
	}
	return e
}

// EventOf is what can be told of a message by itself.
func EventOf(at time.Time, m *classify.Message, v classify.Verdict) Event {
	e := Event{
		Time:    Time{at},
		Family:  m.Family.String(),
		Verdict: v.String(),
		Router:  m.Router,
		VIP:     m.VIP,
		MTU:     uint32(m.MTU),
	}
	if m.Flow != (classify.Flow{}) {
		e.VIPPort = m.Flow.VIPPort()
		e.Client = m.Flow.Client()
		e.ClientPort = m.Flow.ClientPort()
		e.Protocol = m.Flow.Protocol().String()
	}
	return e
}
