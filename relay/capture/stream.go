package capture

import (
	"errors"
	"io"
)

const (
	// maxFrame is the most bytes that a frame may have: what libpcap allows
	// (pcap-int.h, MAXIMUM_SNAPLEN).
	maxFrame = 256 << 10
	// maxBlock is the most bytes that a pcapng block may have that must be read
	// whole: a frame and its options.
	maxBlock = maxFrame + 64<<10
	// windowSize is how much of a file is in memory.
	windowSize = 512 << 10
)

// errCut says that the file is not whole.
var errCut = errors.New("the file ends inside it")

// inside is an error that comes inside a piece: there the end is none.
func inside(err error) error {
	if errors.Is(err, io.EOF) {
		return errCut
	}
	return err
}

// stream reads a file through a window of fixed size: what a frame needs of it
// is looked at in place, never copied.
type stream struct {
	source io.Reader
	window []byte
	at     int // window[at:end] was read and not yet taken
	end    int
	failed error // why the source gives no more

	offset int64  // of window[at] in the file
	piece  string // what the reader is at, and where that began
	start  int64

	// beforeRead is called before the window changes: whoever keeps slices of
	// it must be done with them. Its error ends the reading.
	beforeRead func() error
}

func newStream(source io.Reader) *stream {
	return &stream{
		source:     source,
		window:     make([]byte, windowSize),
		beforeRead: func() error { return nil },
	}
}

// begin notes where a piece of the file begins, for messages.
func (s *stream) begin(piece string) { s.piece, s.start = piece, s.offset }

// peek returns the next n bytes, at most windowSize, and leaves them to be taken.
// They are valid until the window changes. io.EOF: the file ends here. errCut: it
// ends before there are n.
func (s *stream) peek(n int) ([]byte, error) {
	for s.end-s.at < n {
		if err := s.fill(n); err != nil {
			return nil, err
		}
	}
	return s.window[s.at : s.at+n : s.at+n], nil
}

// take passes over n bytes that peek has returned.
func (s *stream) take(n int) {
	s.at += n
	s.offset += int64(n)
}

// skip passes over n bytes, however many.
func (s *stream) skip(n int64) error {
	for {
		step := min(n, int64(s.end-s.at))
		s.take(int(step))
		if n -= step; n == 0 {
			return nil
		}
		if err := s.fill(1); err != nil {
			return inside(err)
		}
	}
}

// fill reads once. Where the window has no room for n bytes that were not taken,
// those that there are move to its front.
func (s *stream) fill(n int) error {
	switch {
	case s.failed == nil:
	case errors.Is(s.failed, io.EOF) && s.at < s.end:
		return errCut
	default:
		return s.failed
	}
	if err := s.beforeRead(); err != nil {
		return err
	}
	if s.at == s.end || s.at+n > len(s.window) {
		s.end = copy(s.window, s.window[s.at:s.end])
		s.at = 0
	}
	got, err := s.source.Read(s.window[s.end:])
	s.end += got
	s.failed = err
	return nil
}
