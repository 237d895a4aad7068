package reference

import (
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"ptbrelay/classify"
)

func (r *Reading) readIPv4(packet []byte) {
	var ip layers.IPv4
	err := ip.DecodeFromBytes(packet, gopacket.NilDecodeFeedback)
	if ip.SrcIP == nil || ip.IHL < 5 || int(ip.Length) < int(ip.IHL)*4 || len(packet) < int(ip.IHL)*4 {
		return // no IP header
	}
	r.Family = classify.IPv4
	r.Router, r.VIP = address(ip.SrcIP), address(ip.DstIP)
	switch {
	case int(ip.Length) > len(packet):
		r.Verdict = classify.Truncated
	case err != nil:
		r.Verdict = r.gaveUp(err, classify.NotIP)
	case ip.FragOffset != 0 || ip.Flags&layers.IPv4MoreFragments != 0:
		r.Verdict = classify.Fragment
	case ip.Protocol != layers.IPProtocolICMPv4:
		r.Verdict = classify.NotPTB
	default:
		r.Verdict = r.readICMPv4(ip.Payload)
	}
}

// readICMPv4 judges a message of RFC 792 with the MTU of RFC 1191 §4, where
// gopacket has the sequence number of an echo.
func (r *Reading) readICMPv4(message []byte) classify.Verdict {
	var icmp layers.ICMPv4
	if icmp.DecodeFromBytes(message, gopacket.NilDecodeFeedback) != nil ||
		icmp.TypeCode != layers.CreateICMPv4TypeCode(layers.ICMPv4TypeDestinationUnreachable, layers.ICMPv4CodeFragmentationNeeded) ||
		!between(r.Router) {
		return classify.NotPTB
	}
	quote := icmp.Payload
	if have := icmp.Checksum; !rightChecksum(&icmp, quote, have, &icmp.Checksum) {
		return classify.BadChecksum
	}
	r.MTU = uint32(icmp.Seq)
	return r.readQuoteIPv4(quote)
}

func (r *Reading) readQuoteIPv4(quote []byte) classify.Verdict {
	if len(quote) < 28 { // RFC 792: the header and 64 bits
		return classify.QuoteTruncated
	}
	var ip layers.IPv4
	err := ip.DecodeFromBytes(quote, gopacket.NilDecodeFeedback)
	if ip.Version != 4 || ip.IHL < 5 {
		return classify.QuoteInvalid
	}
	r.QuoteSource, r.QuoteLength = address(ip.SrcIP), int(ip.Length)
	client := address(ip.DstIP)
	switch {
	case len(quote) < int(ip.IHL)*4+8:
		return classify.QuoteTruncated
	case err != nil:
		return r.gaveUp(err, classify.QuoteInvalid)
	case len(ip.Payload) < 8:
		return classify.QuoteTruncated
	case !between(r.QuoteSource, client):
		return classify.QuoteInvalid
	case ip.FragOffset != 0:
		return classify.QuoteFragment
	}
	r.transport(ip.Protocol, r.QuoteSource, client, ip.Payload)
	return classify.Eligible
}
