package bench

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
)

const (
	// slotSize has room for the kernel's header and the numbered part of a
	// frame; what is longer is cut.
	slotSize = 256
	// slots is how many frames may come between two looks: 13 at 10 million a
	// second.
	slots     = 1 << 17
	blockSize = 1 << 20
)

// counter is a tap for rates at which [lab.Tap] would take a processor of its
// own: the kernel writes the start of each broadcast frame and the time of its
// receipt into memory that is shared with it (packet_mmap, TPACKET_V2), and
// nobody wakes up.
type counter struct {
	fd   int
	ring []byte
	next int
}

// newCounter counts on a node's interface until the benchmark ends, which fails
// if the ring was ever full.
func newCounter(b *testing.B, n *lab.Node, iface string) *counter {
	b.Helper()
	c := new(counter)
	if err := n.Do(func() error { return c.open(iface) }); err != nil {
		b.Fatalf("count frames on %s: %v", n.Name(), err)
	}
	b.Cleanup(func() {
		if err := c.close(); err != nil {
			b.Errorf("count frames on %s: %v", n.Name(), err)
		}
	})
	return c
}

func (c *counter) open(iface string) (err error) {
	link, err := net.InterfaceByName(iface)
	if err != nil {
		return err
	}
	if c.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = unix.Close(c.fd)
		}
	}()
	if err := unix.SetsockoptInt(c.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V2); err != nil {
		return fmt.Errorf("choose the ring's version: %w", err)
	}
	if err := unix.SetsockoptTpacketReq(c.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq{
		Block_size: blockSize, Block_nr: slots * slotSize / blockSize, Frame_size: slotSize, Frame_nr: slots,
	}); err != nil {
		return fmt.Errorf("make the ring: %w", err)
	}
	if c.ring, err = unix.Mmap(c.fd, 0, slots*slotSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("map the ring: %w", err)
	}
	broadcasts := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 0xfffff000 + 4}, // SKF_AD_OFF + SKF_AD_PKTTYPE (linux/filter.h)
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.PACKET_BROADCAST, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0x40000},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
	program := unix.SockFprog{Len: uint16(len(broadcasts)), Filter: &broadcasts[0]}
	if err := unix.SetsockoptSockFprog(c.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
		return fmt.Errorf("attach the filter: %w", err)
	}
	everything := uint16(unix.ETH_P_ALL)<<8 | uint16(unix.ETH_P_ALL)>>8
	return unix.Bind(c.fd, &unix.SockaddrLinklayer{Protocol: everything, Ifindex: link.Index})
}

// each calls f for every frame since the last call: with the kernel's time of
// its receipt in nanoseconds modulo 2^32, and with its first bytes, which are
// valid until f returns. One goroutine at a time.
func (c *counter) each(f func(at uint32, frame []byte)) {
	for {
		slot := c.ring[c.next*slotSize:][:slotSize]
		h := (*unix.Tpacket2Hdr)(unsafe.Pointer(&slot[0]))
		if atomic.LoadUint32(&h.Status)&unix.TP_STATUS_USER == 0 {
			return
		}
		f(h.Sec*1e9+h.Nsec, slot[h.Mac:][:h.Snaplen])
		atomic.StoreUint32(&h.Status, unix.TP_STATUS_KERNEL)
		c.next = (c.next + 1) % slots
	}
}

func (c *counter) close() error {
	stats, err := unix.GetsockoptTpacketStats(c.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err == nil && stats.Drops > 0 {
		err = fmt.Errorf("the ring was full for %d frames; what was counted cannot be trusted", stats.Drops)
	}
	return errors.Join(err, unix.Munmap(c.ring), unix.Close(c.fd))
}
