package transport

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"ptbrelay/classify"
)

// Port is one interface to broadcast on.
type Port struct {
	Name  string
	Index int     // 0: there is no such interface now
	MAC   [6]byte // source of our frames
}

// Broadcast sends each PTB as one Ethernet broadcast frame an interface, the IP
// packet untouched, TTL included.
//
// Loops are impossible because the rules log only frames addressed to this
// host. Send belongs to one goroutine; SetPorts and Stats to any.
type Broadcast struct {
	log    *slog.Logger
	fd     int
	ports  atomic.Pointer[[]*port]
	batch  mmsgs
	copies atomic.Uint64
	errors atomic.Uint64
}

// sendBuffer is what the kernel may hold of our frames, in bytes, before it
// refuses more: half a second of the default budget at full length.
const sendBuffer = 4 << 20

// NewBroadcast opens the socket, which needs CAP_NET_RAW. maxBatch is the
// largest batch that Send will get.
func NewBroadcast(maxBatch int, ports []Port, log *slog.Logger) (*Broadcast, error) {
	// Protocol 0: the socket receives nothing.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w: CAP_NET_RAW is needed (run as root or grant it)", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendBuffer); err != nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
		if err != nil {
			log.Warn("cannot enlarge the send buffer of the packet socket", "err", err)
		}
	}
	b := &Broadcast{log: log, fd: fd, batch: newMmsgs(maxBatch)}
	b.SetPorts(ports)
	return b, nil
}

// SetPorts replaces the interfaces to send on: after a link has come, gone or
// changed its address.
func (b *Broadcast) SetPorts(ports []Port) {
	old := b.ports.Load()
	next := make([]*port, len(ports))
	for i, p := range ports {
		next[i] = newPort(p)
		if old != nil && i < len(*old) && (*old)[i].name == p.Name {
			next[i].failing.Store((*old)[i].failing.Load())
		}
	}
	b.ports.Store(&next)
}

// Send puts every item on every interface and writes for each what became of
// it to results, which is as long as batch. It never waits: a frame that the
// kernel does not take at once is an error that is counted.
func (b *Broadcast) Send(batch []Item, results []Result) {
	ports := *b.ports.Load()
	for i := range results {
		results[i] = Failed
		if len(ports) == 0 {
			results[i] = NoPeers
		}
	}
	for _, p := range ports {
		b.sendOn(p, batch, results)
	}
}

func (b *Broadcast) sendOn(p *port, batch []Item, results []Result) {
	if p.index == 0 {
		b.failed(p, len(batch), unix.ENODEV)
		return
	}
	b.batch.fill(p, batch)
	for next := 0; next < len(batch); {
		n, errno := b.batch.send(b.fd, next, len(batch))
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
			b.errors.Add(1)
			next++
		default:
			// The interface is down or gone, or the socket's buffer is full.
			b.failed(p, len(batch)-next, errno)
			return
		}
	}
}

// failed counts items that an interface did not take, and says so once.
func (b *Broadcast) failed(p *port, items int, errno syscall.Errno) {
	b.errors.Add(uint64(items))
	if !p.failing.Swap(true) {
		b.log.Warn("cannot send on interface; its copies are counted as errors until it is back", "interface", p.name, "err", errno)
	}
}

// Stats returns the counts.
func (b *Broadcast) Stats() Stats {
	return Stats{Copies: b.copies.Load(), Errors: b.errors.Load()}
}

// Close closes the socket. Send must not be running.
func (b *Broadcast) Close() error { return unix.Close(b.fd) }

const ethernetHeader = 14

// port is a Port made ready for the kernel, by family: IPv4, then IPv6.
type port struct {
	name    string
	index   int
	headers [2][ethernetHeader]byte
	addrs   [2]unix.RawSockaddrLinklayer
	failing atomic.Bool
}

func newPort(p Port) *port {
	r := &port{name: p.Name, index: p.Index}
	for i, etherType := range []uint16{unix.ETH_P_IP, unix.ETH_P_IPV6} {
		h := &r.headers[i]
		copy(h[:6], "\xff\xff\xff\xff\xff\xff")
		copy(h[6:12], p.MAC[:])
		binary.BigEndian.PutUint16(h[12:], etherType)
		r.addrs[i] = unix.RawSockaddrLinklayer{
			Family:   unix.AF_PACKET,
			Protocol: networkOrder(etherType),
			Ifindex:  int32(p.Index),
			Halen:    6,
		}
	}
	return r
}

// recovered says once that an interface that failed takes frames again.
func (p *port) recovered(log *slog.Logger) {
	if p.failing.Load() && p.failing.Swap(false) {
		log.Info("sending on interface again", "interface", p.name)
	}
}

func networkOrder(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}

// mmsghdr is struct mmsghdr (sendmmsg(2)).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   [unsafe.Sizeof(uintptr(0)) - 4]byte
}

// mmsgs is a fixed set of messages for one sendmmsg: each an Ethernet header
// and a packet where it lies.
type mmsgs struct {
	headers []mmsghdr
	iovecs  [][2]unix.Iovec
}

func newMmsgs(n int) mmsgs {
	m := mmsgs{headers: make([]mmsghdr, n), iovecs: make([][2]unix.Iovec, n)}
	for i := range m.headers {
		h := &m.headers[i].hdr
		h.Iov = &m.iovecs[i][0]
		h.SetIovlen(2)
		h.Namelen = unix.SizeofSockaddrLinklayer
		m.iovecs[i][0].SetLen(ethernetHeader)
	}
	return m
}

// fill points the messages at the items.
func (m *mmsgs) fill(p *port, batch []Item) {
	for i, item := range batch {
		f := 0
		if item.Family == classify.IPv6 {
			f = 1
		}
		m.headers[i].hdr.Name = (*byte)(unsafe.Pointer(&p.addrs[f]))
		m.iovecs[i][0].Base = &p.headers[f][0]
		m.iovecs[i][1].Base = unsafe.SliceData(item.Packet)
		m.iovecs[i][1].SetLen(len(item.Packet))
	}
}

// send sends messages from to to and returns how many the kernel took; errno
// is that of the first one if it took none.
func (m *mmsgs) send(fd, from, to int) (int, syscall.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&m.headers[from])), uintptr(to-from), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
