package host

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// skipStats is RTEXT_FILTER_SKIP_STATS (linux/rtnetlink.h): no counters, half the bytes.
const skipStats = 1 << 3

// ifinfoIndex is the offset of the index in struct ifinfomsg.
const ifinfoIndex = 4

// dumpLinks dumps the links (rtnetlink(7), RTM_GETLINK).
func dumpLinks(c conn) ([]netlink.Message, error) {
	mask := binary.NativeEndian.AppendUint32(nil, skipStats)
	return dump(c, unix.RTM_GETLINK, appendAttribute(make([]byte, unix.SizeofIfInfomsg), unix.IFLA_EXT_MASK, mask...))
}

func readLinks(c conn) ([]Link, error) {
	msgs, err := dumpLinks(c)
	if err != nil {
		return nil, err
	}
	links := make([]Link, 0, len(msgs))
	for _, m := range msgs {
		l, err := decodeLink(m.Data)
		if err != nil {
			return nil, err
		}
		links = append(links, l)
	}
	slices.SortFunc(links, func(a, b Link) int { return cmp.Compare(a.Index, b.Index) })
	return links, nil
}

// decodeLink reads struct ifinfomsg and its attributes, host byte order.
func decodeLink(b []byte) (Link, error) {
	if len(b) < unix.SizeofIfInfomsg {
		return Link{}, errShort
	}
	flags := binary.NativeEndian.Uint32(b[8:])
	l := Link{
		Index:    int(int32(binary.NativeEndian.Uint32(b[ifinfoIndex:]))),
		Ethernet: binary.NativeEndian.Uint16(b[2:]) == unix.ARPHRD_ETHER,
		Loopback: flags&unix.IFF_LOOPBACK != 0,
		Up:       flags&unix.IFF_UP != 0,
		Running:  flags&unix.IFF_RUNNING != 0,
	}
	a := attributes{rest: b[unix.SizeofIfInfomsg:]}
	for a.next() {
		switch a.kind {
		case unix.IFLA_IFNAME:
			l.Name = unix.ByteSliceToString(a.value)
		case unix.IFLA_MTU:
			l.MTU = a.number()
		case unix.IFLA_ADDRESS:
			if l.Ethernet {
				copy(l.MAC[:], a.value)
			}
		}
	}
	return l, a.err
}
