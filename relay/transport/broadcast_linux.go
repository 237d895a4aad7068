package transport

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/classify"
)

// Broadcast sends each PTB as one Ethernet broadcast frame an interface, the IP
// packet untouched, TTL included.
//
// Loops are impossible because the rules log only frames addressed to this
// host. Send belongs to one goroutine; SetInterfaces and Stats to any.
type Broadcast struct {
	log        *slog.Logger
	fd         int
	interfaces atomic.Pointer[[]*iface]
	batch      frames
	copies     atomic.Uint64
	missed     atomic.Uint64
}

// sendBuffer is what the kernel may hold of our frames, in bytes with its own
// overhead: the default burst of 2000 at full length, about 2 KiB each.
const sendBuffer = 4 << 20

// NewBroadcast opens the socket, which needs CAP_NET_RAW. maxBatch is the
// largest batch that Send will get.
func NewBroadcast(maxBatch int, interfaces []Interface, log *slog.Logger) (*Broadcast, error) {
	fd, err := openPacketSocket()
	if err != nil {
		return nil, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendBuffer); err != nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
		if err != nil {
			log.Warn("cannot enlarge the send buffer of the packet socket", "err", err)
		}
	}
	b := &Broadcast{log: log, fd: fd, batch: newFrames(maxBatch)}
	b.SetInterfaces(interfaces)
	return b, nil
}

// SetInterfaces replaces the interfaces to send on: after a link has come, gone or
// changed its address.
func (b *Broadcast) SetInterfaces(interfaces []Interface) {
	old := b.interfaces.Load()
	next := make([]*iface, len(interfaces))
	for i, p := range interfaces {
		next[i] = newIface(p)
		if old != nil && i < len(*old) && (*old)[i].name == p.Name {
			next[i].failing.Store((*old)[i].failing.Load())
		}
	}
	b.interfaces.Store(&next)
}

// Send puts every message on every interface and writes for each what became of
// it to results, which is as long as batch. It never waits: a frame that the
// kernel does not take at once is an error that is counted.
func (b *Broadcast) Send(_ time.Time, batch []classify.Message, results []Result) {
	interfaces := *b.interfaces.Load()
	for i := range results {
		results[i] = Failed
		if len(interfaces) == 0 {
			results[i] = NoPeers
		}
	}
	for _, p := range interfaces {
		b.sendOn(p, batch, results)
	}
}

func (b *Broadcast) sendOn(p *iface, batch []classify.Message, results []Result) {
	if p.index == 0 {
		b.failed(p, len(batch), errAbsent)
		return
	}
	b.batch.fill(p, batch)
	for next := 0; next < len(batch); {
		n, errno := sendmmsg(uintptr(b.fd), b.batch.messages[next:len(batch)])
		for i := range n {
			results[next+i] = Sent
		}
		if n > 0 {
			b.copies.Add(uint64(n))
			p.recovered(b.log)
			next += n
			continue
		}
		switch errno {
		case unix.EINTR:
		case unix.EMSGSIZE, unix.ENOBUFS:
			// This frame is too long for the interface, or its queue is full.
			b.missed.Add(1)
			next++
		case unix.EAGAIN:
			// The socket's buffer is full, for this moment: no fault to speak of.
			b.missed.Add(uint64(len(batch) - next))
			return
		default:
			// The interface is down or gone.
			b.failed(p, len(batch)-next, errno)
			return
		}
	}
}

var errAbsent = errors.New("it is not there, has no carrier or is not Ethernet")

// failed counts frames that an interface did not take, and says so once.
func (b *Broadcast) failed(p *iface, frames int, why error) {
	b.missed.Add(uint64(frames))
	if !p.failing.Swap(true) {
		b.log.Warn("cannot send on interface; its copies are counted as errors until it is back: see its link", "interface", p.name, "err", why)
	}
}

// Stats returns the counts.
func (b *Broadcast) Stats() Stats {
	return Stats{Copies: b.copies.Load(), Errors: b.missed.Load()}
}

// Close closes the socket. Send must not be running.
func (b *Broadcast) Close() error { return unix.Close(b.fd) }
