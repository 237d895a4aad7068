package reference

import (
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"ptbrelay/classify"
)

const ipv6Header = 40 // bytes, RFC 8200 §3

func (r *Reading) readIPv6(packet []byte) {
	if len(packet) < ipv6Header {
		return // no IP header
	}
	var ip layers.IPv6
	err := ip.DecodeFromBytes(packet, gopacket.NilDecodeFeedback)
	r.Family = classify.IPv6
	r.Router, r.VIP = address(ip.SrcIP), address(ip.DstIP)
	if len(packet) < ipv6Header+int(ip.Length) {
		r.Verdict = classify.Truncated
		return
	}
	if err != nil {
		r.Verdict = r.gaveUp(err, classify.NotPTB)
		return
	}
	w := walk{next: ip.NextHeader, rest: packet[ipv6Header : ipv6Header+int(ip.Length)]}
	w.run()
	r.Headers = w.headers
	switch {
	case w.fragment:
		r.Verdict = classify.Fragment
	case w.failed != nil:
		r.Verdict = r.gaveUp(w.failed, classify.NotPTB)
	case w.cut || w.misplaced || w.segmentsLeft || w.next != layers.IPProtocolICMPv6:
		r.Verdict = classify.NotPTB
	default:
		r.Verdict = r.readICMPv6(&ip, w.rest)
	}
}

// readICMPv6 judges a message of RFC 4443 §3.2; any code will do, as there.
func (r *Reading) readICMPv6(ip *layers.IPv6, message []byte) classify.Verdict {
	var icmp layers.ICMPv6
	if icmp.DecodeFromBytes(message, gopacket.NilDecodeFeedback) != nil ||
		icmp.TypeCode.Type() != layers.ICMPv6TypePacketTooBig || !between(r.Router) {
		return classify.NotPTB
	}
	body := icmp.Payload
	if err := icmp.SetNetworkLayerForChecksum(ip); err != nil {
		return r.gaveUp(err, classify.NotPTB)
	}
	if have := icmp.Checksum; !rightChecksum(&icmp, body, have, &icmp.Checksum) {
		return classify.BadChecksum
	}
	r.MTU = uint32(body[0])<<24 | uint32(body[1])<<16 | uint32(body[2])<<8 | uint32(body[3])
	return r.readQuoteIPv6(body[4:])
}

func (r *Reading) readQuoteIPv6(quote []byte) classify.Verdict {
	if len(quote) < ipv6Header+8 {
		return classify.QuoteTruncated
	}
	var ip layers.IPv6
	err := ip.DecodeFromBytes(quote, gopacket.NilDecodeFeedback)
	if ip.Version != 6 {
		return classify.QuoteInvalid
	}
	r.QuoteSource = address(ip.SrcIP)
	client := address(ip.DstIP)
	if ip.Length != 0 {
		r.QuoteLength = ipv6Header + int(ip.Length)
	}
	w := walk{next: ip.NextHeader, rest: quote[ipv6Header:]}
	w.run()
	r.Headers = max(r.Headers, w.headers)
	switch {
	case w.cut:
		return classify.QuoteTruncated
	case w.failed != nil:
		return r.gaveUp(w.failed, classify.QuoteInvalid)
	case err != nil:
		return r.gaveUp(err, classify.QuoteInvalid)
	case w.misplaced || !between(r.QuoteSource, client):
		return classify.QuoteInvalid
	case w.later:
		return classify.QuoteFragment
	}
	r.transport(w.next, r.QuoteSource, client, w.rest)
	return classify.Eligible
}
