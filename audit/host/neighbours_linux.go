package host

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Offsets in struct ndmsg (linux/neighbour.h).
const (
	ndmFamily    = 0
	ndmInterface = 4
	ndmState     = 8
	ndmsgBytes   = unix.SizeofNdMsg
)

// neighbours collects the state of those that routes go by.
type neighbours struct{ ways *ways }

func (n neighbours) begin() {
	for _, way := range n.ways.byHop {
		way.Neighbour = Neighbour{}
	}
}

func (n neighbours) add(b []byte) error {
	at, neighbour, err := decodeNeighbour(b)
	if err != nil || !at.gateway.IsValid() {
		return err
	}
	if way := n.ways.byHop[at]; way != nil {
		way.Neighbour = neighbour
	}
	return nil
}

// decodeNeighbour reads struct ndmsg and its attributes (neigh_fill_info in
// net/core/neighbour.c). What is not IP has the zero Addr.
func decodeNeighbour(b []byte) (at hopKey, n Neighbour, err error) {
	if len(b) < ndmsgBytes {
		return hopKey{}, Neighbour{}, errShort
	}
	if !isIP(b[ndmFamily]) {
		return hopKey{}, Neighbour{}, nil
	}
	at.iface = int(int32(binary.NativeEndian.Uint32(b[ndmInterface:])))
	n.State = NeighbourState(binary.NativeEndian.Uint16(b[ndmState:]))
	a := attributes{rest: b[ndmsgBytes:]}
	for a.next() {
		switch a.kind {
		case unix.NDA_DST:
			at.gateway = a.addressOf(b[ndmFamily])
		case unix.NDA_LLADDR:
			if len(a.value) == len(n.MAC) {
				n.MAC = MAC(a.value)
			}
		}
	}
	return at, n, a.err
}
