package transport

import (
	"encoding/binary"
	"log/slog"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Interface is one interface to broadcast on.
type Interface struct {
	Name  string
	Index int     // 0: it cannot take frames now
	MAC   [6]byte // source of our frames
}

const ethernetHeader = 14

// iface is an Interface made ready for the kernel, by family: IPv4, then IPv6.
type iface struct {
	name    string
	index   int
	headers [2][ethernetHeader]byte
	addrs   [2]unix.RawSockaddrLinklayer
	failing atomic.Bool
}

func newIface(p Interface) *iface {
	r := &iface{name: p.Name, index: p.Index}
	for i, etherType := range []uint16{unix.ETH_P_IP, unix.ETH_P_IPV6} {
		h := &r.headers[i]
		copy(h[:6], broadcastMAC[:])
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
func (p *iface) recovered(log *slog.Logger) {
	if p.failing.Load() && p.failing.Swap(false) {
		log.Info("sending on interface again", "interface", p.name)
	}
}

func networkOrder(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}
