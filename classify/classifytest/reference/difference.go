package reference

import (
	"strings"

	"ptbrelay/classify"
)

// Difference is one way in which gopacket reads packets otherwise than the RFCs
// say, or than what meets us on the Internet demands.
type Difference struct {
	Name, Why string
	from, to  classify.Verdict // that the decoder may have then
	holds     func(packet []byte, r Reading, v classify.Verdict) bool
}

// Differences are all that are known.
var Differences = []Difference{
	{
		"ipv4-options",
		"gopacket refuses options that do not parse; they are the receiver's affair, and routers pass them over",
		classify.Fragment, classify.Eligible,
		func(_ []byte, r Reading, _ classify.Verdict) bool { return r.gaveUpFor("ip4 option", "IP option") },
	}, {
		"ipv4-length-0",
		"gopacket takes length 0 for that of a packet which the network card is still to cut; none comes from a wire",
		classify.NotIP, classify.NotIP,
		func(packet []byte, r Reading, _ classify.Verdict) bool {
			return len(packet) >= 20 && packet[0]>>4 == 4 && packet[2] == 0 && packet[3] == 0
		},
	}, {
		"ipv4-quote-length-0",
		"gopacket makes up a length where the quoted one is 0, as in BIG TCP packets; it is not told, so nothing fits",
		classify.QuoteInvalid, classify.Eligible,
		func(packet []byte, r Reading, v classify.Verdict) bool {
			return r.quotesIPv4() && quotedTotal(packet) == 0 && v != classify.QuoteFits
		},
	}, {
		"ipv4-quote-length-short",
		"gopacket believes the quoted total length, which routers corrupt, and cuts the quote to it",
		classify.QuoteInvalid, classify.Eligible,
		func(packet []byte, r Reading, _ classify.Verdict) bool {
			return r.quotesIPv4() && quotedTotal(packet) != 0 && quotedTotal(packet) < quotedHeader(packet)+8
		},
	}, {
		"ipv6-options",
		"gopacket reads the options of extension headers and refuses bad ones; they are the receiver's affair",
		classify.Fragment, classify.Eligible,
		func(_ []byte, r Reading, _ classify.Verdict) bool {
			return r.gaveUpFor("IPv6 header option too small", "IPv6 header TLV option too small")
		},
	}, {
		"ipv6-routing-type",
		"gopacket knows routing type 0 only; all types have their length and segments left in one place",
		classify.Fragment, classify.Eligible,
		func(_ []byte, r Reading, _ classify.Verdict) bool {
			return r.gaveUpFor("IPv6 routing header type", "IPv6 source routing")
		},
	}, {
		"ipv6-jumbo",
		"gopacket refuses jumbo options beside a payload length; the receiver's affair too",
		classify.Fragment, classify.Eligible,
		func(_ []byte, r Reading, _ classify.Verdict) bool { return r.gaveUpFor("Jumbo length", "jumbo length") },
	}, {
		"ipv6-quote-length-0",
		"gopacket refuses payload length 0 without a jumbo option, which BIG TCP senders' routers quote",
		classify.QuoteInvalid, classify.Eligible,
		func(_ []byte, r Reading, v classify.Verdict) bool {
			return r.QuoteSource.IsValid() && r.gaveUpFor("IPv6 length 0") && v != classify.QuoteFits
		},
	}, {
		"authentication-header-8-bytes",
		"gopacket panics on one that is shorter than its own fields; the kernel steps over by the length it has",
		classify.Fragment, classify.Eligible,
		func(_ []byte, r Reading, _ classify.Verdict) bool { return r.gaveUpFor("slice bounds out of range") },
	}, {
		"long-chain",
		"the decoder walks over 8 extension headers, one more than RFC 8200 lists; gopacket goes on for ever",
		classify.NotPTB, classify.QuoteInvalid,
		func(_ []byte, r Reading, _ classify.Verdict) bool { return r.Headers > 8 },
	},
}

func (r Reading) quotesIPv4() bool { return r.Family == classify.IPv4 && r.QuoteSource.IsValid() }

// quotedTotal is the total length that the quote of an IPv4 PTB claims.
func quotedTotal(packet []byte) int {
	quote := packet[int(packet[0]&0x0f)*4+8:]
	return int(quote[2])<<8 | int(quote[3])
}

// quotedHeader is the length of the quoted IPv4 header.
func quotedHeader(packet []byte) int {
	return int(packet[int(packet[0]&0x0f)*4+8]&0x0f) * 4
}

// gaveUpFor tells whether gopacket's reason holds one of the texts.
func (r Reading) gaveUpFor(texts ...string) bool {
	if r.GaveUp == nil {
		return false
	}
	for _, text := range texts {
		if strings.Contains(r.GaveUp.Error(), text) {
			return true
		}
	}
	return false
}

// Explain returns the number in [Differences] of the one that a packet shows of
// which the decoder says v, or -1.
func (r Reading) Explain(packet []byte, v classify.Verdict) int {
	for i, d := range Differences {
		if d.from <= v && v <= d.to && d.holds(packet, r, v) {
			return i
		}
	}
	return -1
}
