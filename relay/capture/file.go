package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// pieceFrame is the piece of a file that is numbered.
const pieceFrame = "packet"

// File is a Source that reads packets from a pcap or pcapng, plain or gzip.
//
// Its clock is the packets' own: a handler's batch holds packets of one and the
// same time, in the order of the file, and read is that time. Where the file's
// times jump, so do they. A batch is handed over before File waits for more.
//
// Link layers are Ethernet and Linux cooked, with VLAN tags, which are taken off,
// raw IP and loopback. Data is what was captured from the IP header on: padding
// is not cut off, and what the capture has cut off is missing. Frames that carry
// no IP are skipped.
//
// Memory is 512 KiB for plain pcap, whatever the file says, a little more for
// gzip, and up to 2 MiB more for a pcapng that describes many interfaces. No
// packet costs an allocation.
type File struct {
	name   string // with a colon, before messages
	reader io.Reader
	closer io.Closer
	packed bool
	stream *stream
	format format

	frames uint64 // read so far
	batch  [MaxBatch]Packet
	n      int
	time   int64  // of the batch
	first  uint64 // number of its first frame
	tally  tally
}

var _ Source = (*File)(nil)

// OpenFile opens a file and reads its header. It is an error where that is of no
// known format.
func OpenFile(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := newFile(file, path+": ")
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	f.closer = file
	return f, nil
}

// NewFile reads a file's header from r, which stays the caller's to close.
func NewFile(r io.Reader) (*File, error) { return newFile(r, "") }

func newFile(r io.Reader, name string) (*File, error) {
	f := &File{name: name, reader: r}
	source, packed, err := unpack(r)
	if err != nil {
		return nil, fmt.Errorf("%s%w", name, withoutPath(err))
	}
	f.packed = packed
	f.stream = newStream(source)
	read, err := recognise(f.stream)
	if err != nil {
		return nil, fmt.Errorf("%s%w", name, withoutPath(err))
	}
	if f.format, err = read(f.stream); err != nil {
		return nil, f.located(err)
	}
	return f, nil
}

// Run implements Source. It hands over all packets of the file, then returns nil.
// A file that is broken or not whole is an error that says where; the packets
// before were handed over. When ctx ends it returns nil after the batch at hand.
// A read that waits, as of a pipe, is then broken off where the reader has read
// deadlines, else waited for. Run may be called once.
func (f *File) Run(ctx context.Context, h Handler) error {
	defer f.interruptAt(ctx)()
	f.stream.beforeRead = func() error {
		f.flush(h)
		return ctx.Err()
	}
	for ctx.Err() == nil {
		frame, err := f.format.next()
		if err != nil {
			f.flush(h)
			return f.ended(ctx, err)
		}
		f.add(frame, h)
	}
	f.flush(h)
	return nil
}

// ended is what Run returns where there is no next frame.
func (f *File) ended(ctx context.Context, err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, os.ErrDeadlineExceeded)) {
		return nil
	}
	return f.located(err)
}

// interruptAt makes a read that waits fail once ctx ends.
func (f *File) interruptAt(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		if r, ok := f.reader.(interface{ SetReadDeadline(time.Time) error }); ok {
			_ = r.SetReadDeadline(time.Unix(1, 0)) // regular files have none and need none
		}
	})
}

// add puts a frame's packet into the batch; what does not fit into the batch at
// hand is handed over before.
func (f *File) add(frame frame, h Handler) {
	f.frames++
	f.tally.frame(frame)
	p, ok := frame.link.packet(frame.data)
	if !ok {
		f.flush(h)
		f.tally.skipped.Add(1)
		return
	}
	if frame.time != f.time || f.n == MaxBatch {
		f.flush(h)
	}
	if f.n == 0 {
		f.time, f.first = frame.time, f.frames
	}
	f.batch[f.n] = p
	f.n++
}

// flush hands over what the batch holds.
func (f *File) flush(h Handler) {
	if f.n == 0 {
		return
	}
	n := f.n
	f.n = 0
	f.tally.packets.Add(uint64(n))
	h(time.Unix(0, f.time).UTC(), f.batch[:n])
}

// Frame is the number of the first packet of the batch at hand among all frames of
// the file, skipped ones too, from 1, as Wireshark counts them. The packets of a
// batch are frames that follow one another. It is for the handler.
func (f *File) Frame() uint64 { return f.first }

// located says where in the file an error is.
func (f *File) located(err error) error {
	piece, of := f.stream.piece, ""
	if piece == pieceFrame {
		piece = fmt.Sprintf("packet %d", f.frames+1)
	}
	if f.packed {
		of = " of the unpacked file"
	}
	return fmt.Errorf("%s%s at byte %d%s: %w", f.name, piece, f.stream.start, of, withoutPath(err))
}

// withoutPath takes the path off an error: the name is told already.
func withoutPath(err error) error {
	if path := (*os.PathError)(nil); errors.As(err, &path) {
		return fmt.Errorf("%s: %w", path.Op, path.Err)
	}
	return err
}

// Stats implements Source: nothing is lost on the way from a file.
func (f *File) Stats() Stats { return Stats{} }

// Close implements Source.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}
