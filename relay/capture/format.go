package capture

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// frame is what a file holds of one frame.
type frame struct {
	data  []byte // aliases the stream's window
	link  linkType
	time  int64 // nanoseconds since 1970
	timed bool  // the file says when
}

// format takes frames out of a stream, until io.EOF.
type format interface {
	next() (frame, error)
}

// unpack returns the file as it is, or what is in it where it is gzip.
func unpack(r io.Reader) (_ io.Reader, packed bool, err error) {
	b := bufio.NewReader(r)
	// An error here comes again with the first read.
	if head, _ := b.Peek(2); !bytes.Equal(head, []byte{0x1f, 0x8b}) {
		return b, false, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, true, unpackError(err)
	}
	return unpacker{z}, true, nil
}

// unpacker tells a fault of the gzip stream from one of what is in it.
type unpacker struct{ *gzip.Reader }

func (u unpacker) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	return n, unpackError(err)
}

func unpackError(err error) error {
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("unpack: the gzip stream is cut")
	default:
		return fmt.Errorf("unpack: %w", err)
	}
}

// recognise returns what reads the header of a file that begins so.
func recognise(s *stream) (read func(*stream) (format, error), err error) {
	magic, err := s.peek(4)
	switch {
	case errors.Is(err, errCut):
		return nil, foreign(s.window[:s.end])
	case errors.Is(err, io.EOF):
		return nil, errors.New("the file is empty")
	case err != nil:
		return nil, err
	}
	if flavour, ok := pcapFlavours[[4]byte(magic)]; ok {
		return flavour.open, nil
	}
	if bytes.Equal(magic, sectionMagic[:]) {
		return openPcapng, nil
	}
	return nil, foreign(s.window[:s.end])
}

// foreign is the error about a file of another kind.
func foreign(head []byte) error {
	for _, k := range otherKinds {
		if bytes.HasPrefix(head, []byte(k.magic)) {
			return fmt.Errorf("this is no pcap or pcapng but %s", k.what)
		}
	}
	head = head[:min(len(head), 64)]
	if isText(head) {
		return errors.New("this is no pcap or pcapng but text")
	}
	return fmt.Errorf("this is no pcap or pcapng: it begins with % x", head[:min(len(head), 8)])
}

// otherKinds are files that people take for captures.
var otherKinds = []struct{ magic, what string }{
	{"\xa1\xb2\xcd\x34", "a pcap of a patched libpcap: rewrite it with editcap -F pcap"},
	{"\x34\xcd\xb2\xa1", "a pcap of a patched libpcap: rewrite it with editcap -F pcap"},
	{"snoop\x00\x00\x00", "a snoop capture: rewrite it with editcap -F pcap"},
	{"GMBU", "a Network Monitor capture: rewrite it with editcap -F pcap"},
	{"RTSS", "a Network Monitor capture: rewrite it with editcap -F pcap"},
	{"\x1f\x8b", "gzip inside gzip: unpack it first"},
	{"\x28\xb5\x2f\xfd", "packed by zstd: unpack it first"},
	{"\xfd7zXZ\x00", "packed by xz: unpack it first"},
	{"BZh", "packed by bzip2: unpack it first"},
	{"\x04\x22\x4d\x18", "packed by lz4: unpack it first"},
	{"PK\x03\x04", "a zip archive: unpack it first"},
	{"\x7fELF", "an ELF program"},
	{"MZ", "a Windows program"},
}

// isText tells whether a file that begins so can be read by people. The last
// character may be cut.
func isText(head []byte) bool {
	for len(head) > 0 {
		r, size := utf8.DecodeRune(head)
		switch {
		case r == utf8.RuneError && size == 1:
			return !utf8.FullRune(head)
		case r < ' ' && r != '\t' && r != '\n' && r != '\r':
			return false
		}
		head = head[size:]
	}
	return true
}
