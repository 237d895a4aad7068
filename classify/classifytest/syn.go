package classifytest

import (
	"encoding/binary"
	"net/netip"

	"ptbrelay/classify"
)

// SYN describes one TCP segment. The zero value is what a Linux client sends over
// IPv4 and Ethernet to open a connection; as with [PTB], each field changes one
// thing, and a zero field means the default.
type SYN struct {
	Family         classify.Family // IPv4 unless [classify.IPv6]
	Client, Server netip.Addr      // defaults by family; the server's is the VIP

	// What the segment says.
	ClientPort, ServerPort uint16 // defaults 50000, 443
	MSS                    uint16 // default 1460, with IPv6 1440
	Flags                  *uint8 // default SYN
	HeaderWords            *uint8 // TCP data offset, in 4 bytes; default: right
	TCPOptions             []byte // instead of Linux's; padded to 4 bytes, at most 40
	NoOptions              bool
	Payload                []byte

	// The IP header. Lengths are right unless said otherwise.
	Version        *uint8            // version nibble
	IPHeaderWords  *uint8            // IPv4 header length field, in 4 bytes
	Length         *uint16           // IPv4 total length, IPv6 payload length
	FragmentOffset uint16            // IPv4, in 8 bytes; for IPv6 see [Fragment]
	MoreFragments  bool              // IPv4
	Options        []byte            // IPv4, padded to 4 bytes, at most 40
	Extensions     []Extension       // IPv6
	Upper          classify.Protocol // protocol instead of TCP

	// What is done to the finished packet, in this order.
	Padding int // bytes appended beyond the IP length, all 0xa5
	Cut     int // bytes taken off the end, the IP length unchanged
}

// Bytes builds the packet, which starts at its IP header.
func (s SYN) Bytes() []byte {
	s = s.withDefaults()
	carrier := PTB{
		Family: s.Family, Router: s.Client, VIP: s.Server, Upper: s.Upper, Version: s.Version, HeaderWords: s.IPHeaderWords,
		Length: s.Length, FragmentOffset: s.FragmentOffset, MoreFragments: s.MoreFragments,
		Options: s.Options, Extensions: s.Extensions, Padding: s.Padding, Cut: s.Cut,
	}
	return carrier.padAndCut(carrier.outer(s.segment()))
}

// MSSOption is an MSS option (RFC 9293 §3.2) for [SYN.TCPOptions].
func MSSOption(mss uint16) []byte { return binary.BigEndian.AppendUint16([]byte{2, 4}, mss) }

func (s SYN) withDefaults() SYN {
	client, server, mss := Client4, VIP4, uint16(1460)
	if s.Family == classify.IPv6 {
		client, server, mss = Client6, VIP6, 1440
	} else {
		s.Family = classify.IPv4
	}
	setDefault(&s.Client, client)
	setDefault(&s.Server, server)
	setDefault(&s.MSS, mss)
	setDefault(&s.ClientPort, ClientPort)
	setDefault(&s.ServerPort, VIPPort)
	setDefault(&s.Upper, classify.TCP)
	if s.TCPOptions == nil && !s.NoOptions { // MSS, SACK permitted, timestamps, NOP, window scale
		s.TCPOptions = append(MSSOption(s.MSS), 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7)
	}
	return s
}

// segment builds the TCP segment (RFC 9293 §3.1) with its checksum.
func (s SYN) segment() []byte {
	size := 20 + (len(s.TCPOptions)+3)/4*4
	h := make([]byte, size, size+len(s.Payload))
	binary.BigEndian.PutUint16(h, s.ClientPort)
	binary.BigEndian.PutUint16(h[2:], s.ServerPort)
	binary.BigEndian.PutUint32(h[4:], 0x10203040) // sequence number
	h[12], h[13] = uint8(size/4)<<4, 0x02
	if s.HeaderWords != nil {
		h[12] = *s.HeaderWords << 4
	}
	if s.Flags != nil {
		h[13] = *s.Flags
	}
	binary.BigEndian.PutUint16(h[14:], 64240) // window
	copy(h[20:], s.TCPOptions)
	h = append(h, s.Payload...)
	// A v4-mapped address adds 0xffff to the sum, which is nothing there, so one
	// pseudo header serves both families.
	pseudo := pseudoHeader(s.Client, s.Server, len(h))
	pseudo[len(pseudo)-1] = byte(classify.TCP)
	binary.BigEndian.PutUint16(h[16:], checksum(pseudo, h))
	return h
}
