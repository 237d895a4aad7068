package classifytest

import (
	"math/rand/v2"
	"net/netip"

	"ptbrelay/classify"
)

// randomPTB describes a packet that is well built and may be about anything:
// most are eligible under [Policy], nearly no two are about one flow, and they
// come from 256 router prefixes a family (/32, /64).
func randomPTB(r *rand.Rand) PTB {
	p := PTB{
		Family:     classify.IPv4,
		MTU:        randomMTU(r),
		Protocol:   randomProtocol(r),
		VIPPort:    pick(r, VIPPort, VIPPort, VIPPort, VIPPort, 53, uint16(1+r.IntN(65535))),
		ClientPort: uint16(1 + r.IntN(65535)),
		Sequence:   r.Uint32(),
		QuoteBytes: pick(r, 0, 0, 528, 1232, 1+r.IntN(600)),
	}
	if r.IntN(2) == 0 {
		p.Family = classify.IPv6
		p.Router, p.Client = within(r, Router6, 56), within(r, Client6, 48)
		p.Extensions, p.QuoteExtensions = randomChain(r), randomChain(r)
	} else {
		p.Router, p.Client = within(r, Router4, 24), within(r, Client4, 8)
		p.Options, p.QuoteOptions = randomOptions(r), randomOptions(r)
	}
	if r.IntN(8) == 0 {
		p.ExtensionObjects = MPLSLabel()
	}
	if r.IntN(8) == 0 {
		p.QuoteLength = new(pick(r, 0, 7292, uint16(r.IntN(100)), uint16(r.Uint32())))
	}
	if r.IntN(16) == 0 {
		p.Code = new(uint8(r.IntN(256)))
	}
	p.Padding = pick(r, 0, 0, 0, r.IntN(40))
	return p
}

// pick returns one of the choices.
func pick[T any](r *rand.Rand, choices ...T) T { return choices[r.IntN(len(choices))] }

// randomMTU is one that a path has, or lies at an edge, or is any number.
func randomMTU(r *rand.Rand) classify.MTU {
	common := classify.MTU(1280 + r.IntN(220))
	return pick(r, common, common, common, common, 1, 68, 575, 576, 1279, 1500, classify.MTU(r.Uint32()))
}

func randomProtocol(r *rand.Rand) classify.Protocol {
	return pick(r, classify.TCP, classify.TCP, classify.TCP, classify.TCP, classify.UDP, classify.UDP,
		classify.SCTP, classify.DCCP, classify.Protocol(1+r.IntN(255)))
}

// within returns an address that shares the first bits with a.
func within(r *rand.Rand, a netip.Addr, bits int) netip.Addr {
	raw := a.AsSlice()
	for i := bits / 8; i < len(raw); i++ {
		raw[i] = byte(r.Uint32())
	}
	b, _ := netip.AddrFromSlice(raw)
	return b
}

// randomOptions are IPv4 options, mostly none.
func randomOptions(r *rand.Rand) []byte {
	return pick(r, nil, nil, nil, []byte{0x94, 4, 0, 0}, make([]byte, 4*r.IntN(11)))
}

// randomChain is a chain of IPv6 extension headers, mostly empty.
func randomChain(r *rand.Rand) []Extension {
	if r.IntN(4) != 0 {
		return nil
	}
	var chain []Extension
	for range 1 + r.IntN(3) {
		chain = append(chain, pick(r,
			randomHopByHop(r), DestinationOptions(1+r.IntN(4)), randomAuthentication(r), randomRouting(r),
			Fragment(0, false), Fragment(0, true), Fragment(uint16(r.IntN(1<<13)), true)))
	}
	return chain
}

// randomRouting is a routing header, used up or not, of type 0 (RFC 2460 §4.4),
// which is the only one that some readers know, or another.
func randomRouting(r *rand.Rand) Extension {
	e := Routing(uint8(r.IntN(2)))
	e.Bytes[2] = pick[byte](r, 0, 0, e.Bytes[2])
	return e
}

// randomHopByHop says seldom that the packet is a jumbogram, which it is not.
func randomHopByHop(r *rand.Rand) Extension {
	return pick(r, HopByHop(), HopByHop(), HopByHop(), Jumbo(1<<16+r.Uint32N(1<<16)))
}

// randomAuthentication is seldom shorter than its own fields.
func randomAuthentication(r *rand.Rand) Extension {
	short := Extension{Authentication().Number, make([]byte, 8)}
	return pick(r, Authentication(), Authentication(), Authentication(), short)
}
