package reference

import (
	"net/netip"

	"github.com/google/gopacket/layers"

	"ptbrelay/classify"
)

var (
	vip4 = netip.MustParseAddr("192.0.2.1")
	vip6 = netip.MustParseAddr("2001:db8:ffff::1")
)

// policy judges what a sound PTB claims.
func (r *Reading) policy() classify.Verdict {
	minimum := uint32(576)
	if r.Family == classify.IPv6 {
		minimum = 1280
	}
	protocol, port := layers.IPProtocol(r.Flow.Protocol()), r.Flow.VIPPort()
	switch {
	case protocol != layers.IPProtocolTCP && protocol != layers.IPProtocolUDP:
		return classify.QuoteProtocol
	case r.QuoteSource != r.VIP:
		return classify.QuoteMismatch
	case r.VIP != vip4 && r.VIP != vip6:
		return classify.ForeignVIP
	case port != 443 && port != 53:
		return classify.ForeignPort
	case r.MTU < minimum:
		return classify.MTUTooSmall
	case r.MTU >= 1500:
		return classify.MTUTooLarge
	case r.QuoteLength != 0 && r.QuoteLength <= int(r.MTU):
		return classify.QuoteFits
	}
	return classify.Eligible
}
