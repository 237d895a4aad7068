package host

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// readXDP reads the XDP programs of all links, by their index.
func readXDP(c conn) (map[int][]Program, error) {
	msgs, err := dumpLinks(c)
	if err != nil {
		return nil, err
	}
	programs := make(map[int][]Program)
	for _, m := range msgs {
		index, ids, err := decodeXDP(m.Data)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			programs[index] = append(programs[index], Program{Interface: index, Kind: kindXDP, Name: programName(id), ID: id})
		}
	}
	return programs, nil
}

// decodeXDP reads struct ifinfomsg and of its attributes the programs of each
// mode, by the driver, before the stack or in hardware (rtnl_xdp_fill in
// net/core/rtnetlink.c).
func decodeXDP(b []byte) (index int, ids []uint32, err error) {
	if len(b) < unix.SizeofIfInfomsg {
		return 0, nil, errShort
	}
	index = int(int32(binary.NativeEndian.Uint32(b[ifinfoIndex:])))
	a := attributes{rest: b[unix.SizeofIfInfomsg:]}
	for a.next() {
		if a.kind == unix.IFLA_XDP {
			ids, a.err = decodeXDPModes(a.value)
		}
	}
	if a.err != nil {
		return 0, nil, a.err
	}
	return index, ids, nil
}

func decodeXDPModes(b []byte) (ids []uint32, err error) {
	a := attributes{rest: b}
	for a.next() {
		switch a.kind {
		case unix.IFLA_XDP_DRV_PROG_ID, unix.IFLA_XDP_SKB_PROG_ID, unix.IFLA_XDP_HW_PROG_ID:
			ids = append(ids, a.number())
		}
	}
	return ids, a.err
}
