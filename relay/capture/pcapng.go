package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Block types of draft-ietf-opsawg-pcapng, section 11.1. Every block begins with
// its type and its length, and ends with its length once more.
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockPacket    = 2 // obsolete
	blockSimple    = 3
	blockEnhanced  = 6

	blockHeader  = 8
	blockTrailer = 4

	sectionByteOrder = 0x1a2b3c4d
	sectionHeader    = blockHeader + 16

	// maxInterfaces bounds the memory of one section: 2 MiB.
	maxInterfaces = 1 << 16
)

// sectionMagic is blockSection, which reads the same in both byte orders.
var sectionMagic = [4]byte{0x0a, 0x0d, 0x0d, 0x0a}

// pcapng is the newer format (draft-ietf-opsawg-pcapng). Blocks that describe no
// packet are passed over. A simple packet has no time: it gets that of the packet
// before it, the first one the begin of 1970.
//
// gopacket's pcapgo panics on an empty option and on a resolution of 2^-64, takes
// a resolution of one second for a microsecond, has no number for link types above
// 255, and allocates as much as a block tells it to, up to 4 GiB.
type pcapng struct {
	*stream
	order      binary.ByteOrder
	interfaces []described // of the section
	last       int64       // when the last packet with a time was captured
}

// openPcapng reads the first section's header.
func openPcapng(s *stream) (format, error) {
	s.begin("file header")
	p := &pcapng{stream: s}
	return p, p.section()
}

// next implements format.
func (p *pcapng) next() (frame, error) {
	for {
		p.begin("block")
		header, err := p.peek(blockHeader)
		if err != nil {
			return frame{}, err
		}
		kind, size := p.order.Uint32(header), p.order.Uint32(header[4:])
		switch kind {
		case blockEnhanced, blockPacket, blockSimple:
			p.piece = pieceFrame
			return p.frame(kind, size)
		case blockInterface:
			p.piece = "interface description"
			err = p.describe(size)
		case blockSection:
			p.piece = "section header"
			err = p.section()
		default:
			err = p.pass(size)
		}
		if err != nil {
			return frame{}, err
		}
	}
}

// section begins anew: byte order and interfaces hold for a section.
func (p *pcapng) section() error {
	header, err := p.peek(sectionHeader)
	if err != nil {
		return err
	}
	switch magic := header[blockHeader:]; uint32(sectionByteOrder) {
	case binary.LittleEndian.Uint32(magic):
		p.order = binary.LittleEndian
	case binary.BigEndian.Uint32(magic):
		p.order = binary.BigEndian
	default:
		return fmt.Errorf("its byte order cannot be told from % x", magic[:4])
	}
	// Minor version 2 was written in error for 0 (section 4.1).
	major, minor := p.order.Uint16(header[12:]), p.order.Uint16(header[14:])
	if major != 1 || minor != 0 && minor != 2 {
		return fmt.Errorf("pcapng version %d.%d is not known, only 1.0", major, minor)
	}
	size := p.order.Uint32(header[4:])
	if size < sectionHeader+blockTrailer {
		return errShort
	}
	p.interfaces = p.interfaces[:0]
	return p.pass(size)
}

// whole takes a block of that size and returns what is between its header and its
// trailer.
func (p *pcapng) whole(size uint32) ([]byte, error) {
	if err := checkLength(size); err != nil {
		return nil, err
	}
	if size > maxBlock {
		return nil, fmt.Errorf("its block is said to have %d bytes, which is more than %d: the file is broken here", size, maxBlock)
	}
	block, err := p.peek(int(size))
	if err != nil {
		return nil, err
	}
	p.take(len(block))
	return block[blockHeader : size-blockTrailer], p.checkTrailer(block[size-blockTrailer:], size)
}

// pass passes over a block of that size.
func (p *pcapng) pass(size uint32) error {
	if err := checkLength(size); err != nil {
		return err
	}
	if err := p.skip(int64(size) - blockTrailer); err != nil {
		return err
	}
	trailer, err := p.peek(blockTrailer)
	if err != nil {
		return inside(err)
	}
	p.take(blockTrailer)
	return p.checkTrailer(trailer, size)
}

func checkLength(size uint32) error {
	if size < blockHeader+blockTrailer || size%4 != 0 {
		return fmt.Errorf("its block is said to have %d bytes, which no block can have", size)
	}
	return nil
}

func (p *pcapng) checkTrailer(trailer []byte, size uint32) error {
	if again := p.order.Uint32(trailer); again != size {
		return fmt.Errorf("its block is said to have %d bytes at its begin and %d at its end", size, again)
	}
	return nil
}

// frame reads a block that holds a packet.
func (p *pcapng) frame(kind, size uint32) (frame, error) {
	body, err := p.whole(size)
	if err != nil {
		return frame{}, err
	}
	if kind == blockSimple {
		return p.simple(body)
	}
	return p.enhanced(body, kind == blockPacket)
}

// enhanced reads an enhanced packet block, or the obsolete packet block, whose
// number of the interface is shorter.
func (p *pcapng) enhanced(body []byte, obsolete bool) (f frame, err error) {
	const header = 20
	if len(body) < header {
		return f, errShort
	}
	id := p.order.Uint32(body)
	if obsolete {
		id = uint32(p.order.Uint16(body))
	}
	on, err := p.on(id)
	if err != nil {
		return f, err
	}
	ticks := uint64(p.order.Uint32(body[4:]))<<32 | uint64(p.order.Uint32(body[8:]))
	if f.time, err = on.time(ticks); err != nil {
		return f, err
	}
	p.last = f.time
	f.timed, f.link = true, on.link
	f.data, err = captured(body[header:], p.order.Uint32(body[12:]))
	return f, err
}

// simple reads a simple packet block. It is of the first interface, whose snap
// length says how much of it was captured.
func (p *pcapng) simple(body []byte) (f frame, err error) {
	const header = 4
	if len(body) < header {
		return f, errShort
	}
	on, err := p.on(0)
	if err != nil {
		return f, err
	}
	size := p.order.Uint32(body)
	if on.snap != 0 {
		size = min(size, on.snap)
	}
	f.time, f.link = p.last, on.link
	f.data, err = captured(body[header:], size)
	return f, err
}

var errShort = errors.New("its block is too short")

// on returns the interface that a packet was captured on.
func (p *pcapng) on(id uint32) (described, error) {
	if int64(id) >= int64(len(p.interfaces)) {
		return described{}, fmt.Errorf("it names interface %d, the section has %d", id, len(p.interfaces))
	}
	on := p.interfaces[id]
	return on, on.link.check()
}

// captured is the first size bytes of what a block has room for.
func captured(room []byte, size uint32) ([]byte, error) {
	switch {
	case size > maxFrame:
		return nil, tooLarge(size)
	case int(size) > len(room):
		return nil, fmt.Errorf("it is said to have %d bytes, its block has room for %d", size, len(room))
	}
	return room[:size:size], nil
}

// describe adds an interface to the section.
func (p *pcapng) describe(size uint32) error {
	body, err := p.whole(size)
	if err != nil {
		return err
	}
	if len(p.interfaces) == maxInterfaces {
		return fmt.Errorf("it is one more than %d, which are as many as a section may have", maxInterfaces)
	}
	on, err := describe(p.order, body)
	if err != nil {
		return err
	}
	p.interfaces = append(p.interfaces, on)
	return nil
}
