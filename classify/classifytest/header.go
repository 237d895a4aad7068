package classifytest

import (
	"encoding/binary"
	"net/netip"

	"ptbrelay/classify"
)

const (
	protocolICMP   classify.Protocol = 1
	protocolICMPv6 classify.Protocol = 58
)

// outer puts the outer header before a message.
func (p PTB) outer(message []byte) []byte {
	if p.Family == classify.IPv6 {
		return p.outerIPv6(message)
	}
	return p.outerIPv4(message)
}

func (p PTB) outerIPv4(icmp []byte) []byte {
	h := headerIPv4(p.Router, p.VIP, p.Upper, p.Options)
	binary.BigEndian.PutUint16(h[2:], uint16(len(h)+len(icmp)))
	if p.Length != nil {
		binary.BigEndian.PutUint16(h[2:], *p.Length)
	}
	putFragment(h, p.FragmentOffset, p.MoreFragments)
	setNibbles(h, p.Version, p.HeaderWords)
	binary.BigEndian.PutUint16(h[10:], checksum(h))
	return append(h, icmp...)
}

func (p PTB) outerIPv6(icmp []byte) []byte {
	h := headerIPv6(p.Router, p.VIP, p.Upper, p.Extensions)
	binary.BigEndian.PutUint16(h[4:], uint16(len(h)-40+len(icmp)))
	if p.Length != nil {
		binary.BigEndian.PutUint16(h[4:], *p.Length)
	}
	setNibbles(h, p.Version, nil)
	return append(h, icmp...)
}

// headerIPv4 builds a header (RFC 791 §3.1) without length and checksum.
func headerIPv4(from, to netip.Addr, p classify.Protocol, options []byte) []byte {
	size := 20 + (len(options)+3)/4*4
	h := make([]byte, size, 2048)
	h[0] = 4<<4 | byte(size/4)
	h[4], h[5] = 0x12, 0x34 // identification
	h[8], h[9] = 64, byte(p)
	a, b := from.As4(), to.As4()
	copy(h[12:], a[:])
	copy(h[16:], b[:])
	copy(h[20:], options)
	return h
}

// headerIPv6 builds a header (RFC 8200 §3) and its extension headers, without
// the payload length.
func headerIPv6(from, to netip.Addr, p classify.Protocol, extensions []Extension) []byte {
	h := make([]byte, 40, 2048)
	h[0], h[3] = 6<<4, 0x42 // flow label 0x42
	h[6], h[7] = byte(p), 64
	a, b := from.As16(), to.As16()
	copy(h[8:], a[:])
	copy(h[24:], b[:])
	next := 6 // offset of the field that numbers the next header
	for _, e := range extensions {
		h[next] = e.Number
		next = len(h)
		h = append(h, e.Bytes...)
		h[next] = byte(p)
	}
	return h
}

// putFragment sets IPv4's fragment word: DF unless it is a fragment.
func putFragment(h []byte, offset uint16, more bool) {
	word := offset
	switch {
	case more:
		word |= 0x2000
	case offset == 0:
		word = 0x4000
	}
	binary.BigEndian.PutUint16(h[6:], word)
}

func setNibbles(h []byte, version, words *uint8) {
	if version != nil {
		h[0] = *version<<4 | h[0]&0x0f
	}
	if words != nil {
		h[0] = h[0]&0xf0 | *words&0x0f
	}
}
