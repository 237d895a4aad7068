//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tapBuffer is the receive buffer asked for, in bytes. A user namespace gets
// no more than net.core.rmem_max of it.
const tapBuffer = 16 << 20

// PacketType says how a frame relates to the host that saw it.
type PacketType uint8

// The packet types of packet(7).
const (
	PacketHost      PacketType = unix.PACKET_HOST
	PacketBroadcast PacketType = unix.PACKET_BROADCAST
	PacketMulticast PacketType = unix.PACKET_MULTICAST
	PacketOtherHost PacketType = unix.PACKET_OTHERHOST
	PacketOutgoing  PacketType = unix.PACKET_OUTGOING
)

// String is the type's name.
func (t PacketType) String() string {
	names := []string{"host", "broadcast", "multicast", "otherhost", "outgoing"}
	if int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Frame is one frame as a tap saw it. Data is shared: do not write to it.
type Frame struct {
	Time time.Time // the kernel's, at receipt
	Type PacketType
	Data []byte // from the Ethernet header on
}

// TapOptions choose what a tap keeps: by default PTBs and marker frames.
type TapOptions struct {
	UDPPorts []uint16     // keep UDP to and from these ports as well, at most 32
	All      bool         // keep every frame
	Types    []PacketType // keep only frames of these types; nil: any
	Limit    int          // frames kept; 0: 65536. More are counted as dropped
}

// Tap records the frames that pass an interface.
type Tap struct {
	node  *Node
	iface string
	limit int
	file  *os.File
	done  chan struct{} // closed when the reader has ended

	mu      sync.Mutex
	frames  []Frame
	dropped uint64
	closed  bool
	changed chan struct{} // closed and replaced at each change
}

// Tap starts recording on one of the node's interfaces; frames that pass
// after its return are seen.
func (n *Node) Tap(iface string, o TapOptions) (*Tap, error) {
	if len(o.UDPPorts) > 32 || len(o.Types) > 5 {
		return nil, fmt.Errorf("node %s: tap with %d UDP ports and %d types, at most 32 and 5", n.name, len(o.UDPPorts), len(o.Types))
	}
	if o.Limit == 0 {
		o.Limit = 1 << 16
	}
	var fd int
	err := n.Do(func() (err error) {
		fd, err = openTap(iface, o)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("node %s: tap %s: %w", n.name, iface, err)
	}
	t := &Tap{
		node: n, iface: iface, limit: o.Limit,
		file: os.NewFile(uintptr(fd), "tap "+n.name+" "+iface),
		done: make(chan struct{}), changed: make(chan struct{}),
	}
	go t.read()
	n.mu.Lock()
	closed := n.closed
	n.taps = append(n.taps, t)
	n.mu.Unlock()
	if closed {
		return nil, errors.Join(fmt.Errorf("node %s: %w", n.name, ErrClosed), t.Close())
	}
	return t, nil
}

// openTap makes the socket. It has no protocol until it is bound, so that no
// frame comes in before the filter stands.
func openTap(iface string, o TapOptions) (int, error) {
	return openPacketSocket(iface, func(fd, link int) error {
		if err := setBuffer(fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, tapBuffer); err != nil {
			return fmt.Errorf("set the receive buffer: %w", err)
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
			return fmt.Errorf("ask for timestamps: %w", err)
		}
		filter := o.filter()
		program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
		if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
			return fmt.Errorf("attach the filter: %w", err)
		}
		everything := uint16(unix.ETH_P_ALL)<<8 | uint16(unix.ETH_P_ALL)>>8
		if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: everything, Ifindex: link}); err != nil {
			return fmt.Errorf("bind: %w", err)
		}
		return nil
	})
}

// read records frames until the tap is closed.
func (t *Tap) read() {
	defer close(t.done)
	conn, err := t.file.SyscallConn()
	if err != nil {
		return
	}
	buffer, oob := make([]byte, 1<<18), make([]byte, 128)
	for {
		var n, oobn int
		var from unix.Sockaddr
		err := conn.Read(func(fd uintptr) bool {
			for {
				n, oobn, _, from, err = unix.Recvmsg(int(fd), buffer, oob, 0)
				if !errors.Is(err, unix.EINTR) {
					return !errors.Is(err, unix.EAGAIN)
				}
			}
		})
		if err != nil {
			return // closed
		}
		if link, ok := from.(*unix.SockaddrLinklayer); ok && n > 0 {
			t.add(Frame{
				Time: timestamp(oob[:oobn]),
				Type: PacketType(link.Pkttype),
				Data: slices.Clone(buffer[:n]),
			})
		}
	}
}

func (t *Tap) add(f Frame) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.frames) < t.limit {
		t.frames = append(t.frames, f)
	} else {
		t.dropped++
	}
	close(t.changed)
	t.changed = make(chan struct{})
}

// timestamp finds the SO_TIMESTAMPNS message, zero where there is none.
func timestamp(oob []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return time.Time{}
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
			ts := (*unix.Timespec)(unsafe.Pointer(&m.Data[0]))
			return time.Unix(ts.Unix())
		}
	}
	return time.Time{}
}

// Node is where the tap sits.
func (t *Tap) Node() *Node { return t.node }

// Interface is the name of the interface that the tap watches.
func (t *Tap) Interface() string { return t.iface }

// Frames is what has been recorded so far, in order of receipt.
func (t *Tap) Frames() []Frame {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.frames[:len(t.frames):len(t.frames)]
}

// PTBs is what Frames holds of PTBs, parsed.
func (t *Tap) PTBs() []PTB { return PTBs(t.Frames()) }

// Reset forgets the recorded frames; Dropped keeps its count.
func (t *Tap) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.frames = nil
}

// Wait returns the frames as soon as enough says so of them, or with an error
// when ctx ends or the tap is closed first.
func (t *Tap) Wait(ctx context.Context, enough func([]Frame) bool) ([]Frame, error) {
	for {
		t.mu.Lock()
		frames, changed := t.frames[:len(t.frames):len(t.frames)], t.changed
		t.mu.Unlock()
		if enough(frames) {
			return frames, nil
		}
		select {
		case <-changed:
		case <-t.done:
			return frames, fmt.Errorf("tap %s %s is closed after %d frames", t.node.name, t.iface, len(frames))
		case <-ctx.Done():
			return frames, fmt.Errorf("tap %s %s: %d frames so far: %w", t.node.name, t.iface, len(frames), context.Cause(ctx))
		}
	}
}

// WaitN waits until n frames have been recorded.
func (t *Tap) WaitN(ctx context.Context, n int) ([]Frame, error) {
	return t.Wait(ctx, func(frames []Frame) bool { return len(frames) >= n })
}

// Dropped counts the frames that passed the filter and were not recorded: the
// kernel's drops for want of buffer (PACKET_STATISTICS) and those above Limit.
func (t *Tap) Dropped() (uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return t.dropped, nil
	}
	conn, err := t.file.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("tap %s %s: %w", t.node.name, t.iface, err)
	}
	err = control(conn, func(fd int) error {
		stats, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err == nil {
			t.dropped += uint64(stats.Drops) // reading sets the kernel's count to zero
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("tap %s %s: read drops: %w", t.node.name, t.iface, err)
	}
	return t.dropped, nil
}

// Close ends the recording; what was recorded stays readable, and Dropped
// keeps its last count. A second Close does nothing.
func (t *Tap) Close() error {
	_, err := t.Dropped()
	t.mu.Lock()
	closed := t.closed
	t.closed = true
	t.mu.Unlock()
	if closed {
		return nil
	}
	if e := t.file.Close(); e != nil {
		err = errors.Join(err, fmt.Errorf("tap %s %s: close: %w", t.node.name, t.iface, e))
	}
	<-t.done
	return err
}
