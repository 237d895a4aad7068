package classify

// Policy judges what a sound PTB claims. It is a value that nobody changes once
// it is in use, so any number of goroutines may share it. Its zero value
// refuses every PTB.
type Policy struct {
	// Protocols are the quoted protocols let through. A quoted ICMP echo would
	// plant an exception for any client without any socket.
	Protocols ProtocolSet
	// Ports are the VIP's ports let through; the zero value means all.
	Ports PortSet
	// VIPs are the service addresses; the zero value covers nothing. Who wants
	// every local address fills it with what the kernel's FIB calls local.
	VIPs PrefixSet
	// MinMTU4 and MinMTU6 are the smallest next-hop MTUs let through. Below
	// 552 IPv4 hosts give up DF and fragment; below 1280 IPv6 hosts must
	// ignore the PTB (RFC 8201 §4).
	MinMTU4, MinMTU6 MTU
	// MaxMTU bounds the next-hop MTU from above: a PTB must report less, or it
	// teaches nothing to a host whose largest interface MTU this is.
	MaxMTU MTU
	// Strict refuses a PTB about a packet that would have fitted (RFC 5927
	// §7.2), where the quote claims a length at all. Some routers corrupt it.
	Strict bool
}

// Classify judges a message for which [Decoder.Decode] said [Eligible]. The
// verdict is one of [QuoteProtocol] to [Eligible].
func (p *Policy) Classify(m *Message) Verdict {
	switch {
	case !p.Protocols.Has(m.Flow.Protocol()):
		return QuoteProtocol
	case m.QuoteSource != m.VIP:
		return QuoteMismatch
	case !p.VIPs.Contains(m.VIP):
		return ForeignVIP
	case !p.Ports.Has(m.Flow.VIPPort()):
		return ForeignPort
	case m.MTU < p.minMTU(m.Family):
		return MTUTooSmall
	case m.MTU >= p.MaxMTU:
		return MTUTooLarge
	case p.Strict && m.QuoteLength != 0 && m.QuoteLength <= uint32(m.MTU):
		return QuoteFits
	}
	return Eligible
}

func (p *Policy) minMTU(f Family) MTU {
	if f == IPv6 {
		return p.MinMTU6
	}
	return p.MinMTU4
}
