package capture

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Sizes of draft-ietf-opsawg-pcap, sections 4 and 5.
const (
	pcapFileHeader = 24
	pcapHeader     = 16
	// linkMask: the upper bits of the link type's field say how long the frame
	// check sequence is.
	linkMask = 0x03ffffff
)

// pcapFlavour is what the magic number of a pcap says.
type pcapFlavour struct {
	order binary.ByteOrder
	unit  int64 // of the fraction of a second, in nanoseconds
}

var pcapFlavours = map[[4]byte]pcapFlavour{
	{0xd4, 0xc3, 0xb2, 0xa1}: {binary.LittleEndian, int64(time.Microsecond)},
	{0xa1, 0xb2, 0xc3, 0xd4}: {binary.BigEndian, int64(time.Microsecond)},
	{0x4d, 0x3c, 0xb2, 0xa1}: {binary.LittleEndian, 1},
	{0xa1, 0xb2, 0x3c, 0x4d}: {binary.BigEndian, 1},
}

// pcap is the classic format (draft-ietf-opsawg-pcap). The file's snap length is
// not judged: there are files with zero there, and with frames beyond it.
//
// gopacket's pcapgo refuses those, and allocates as much as the file tells it to,
// up to 4 GiB.
type pcap struct {
	*stream
	pcapFlavour
	link linkType
}

// open reads the file's header.
func (f pcapFlavour) open(s *stream) (format, error) {
	s.begin("file header")
	header, err := s.peek(pcapFileHeader)
	if err != nil {
		return nil, err
	}
	major, minor := f.order.Uint16(header[4:]), f.order.Uint16(header[6:])
	if major != 2 || minor != 4 {
		return nil, fmt.Errorf("pcap version %d.%d is not known, only 2.4", major, minor)
	}
	link := linkType(f.order.Uint32(header[20:]) & linkMask)
	if err := link.check(); err != nil {
		return nil, err
	}
	s.take(pcapFileHeader)
	return &pcap{stream: s, pcapFlavour: f, link: link}, nil
}

// next implements format.
func (p *pcap) next() (frame, error) {
	p.begin(pieceFrame)
	header, err := p.peek(pcapHeader)
	if err != nil {
		return frame{}, err
	}
	size := p.order.Uint32(header[8:])
	if size > maxFrame {
		return frame{}, tooLarge(size)
	}
	record, err := p.peek(pcapHeader + int(size))
	if err != nil {
		return frame{}, err
	}
	p.take(len(record))
	seconds, fraction := p.order.Uint32(record), p.order.Uint32(record[4:])
	return frame{
		data:  record[pcapHeader:],
		link:  p.link,
		time:  int64(seconds)*int64(time.Second) + int64(fraction)*p.unit,
		timed: true,
	}, nil
}

func tooLarge(size uint32) error {
	return fmt.Errorf("it is said to have %d bytes, which is more than %d: the file is broken here", size, maxFrame)
}
