package host

import (
	"encoding/binary"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// relevant is the socket filter of a Watcher: events of links, of rules, and of
// routes of type local. A router's feed of a million other routes is dropped
// before it is queued, so it neither wakes us nor fills the socket.
var relevant = []bpf.Instruction{
	bpf.LoadAbsolute{Off: nlmsgType, Size: 2},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: hostOrder(unix.RTM_NEWRULE), SkipTrue: 8},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: hostOrder(unix.RTM_DELRULE), SkipTrue: 7},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: hostOrder(unix.RTM_NEWLINK), SkipTrue: 6},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: hostOrder(unix.RTM_DELLINK), SkipTrue: 5},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: hostOrder(unix.RTM_NEWROUTE), SkipTrue: 1},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: hostOrder(unix.RTM_DELROUTE), SkipTrue: 2},
	bpf.LoadAbsolute{Off: headerBytes + rtmType, Size: 1},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.RTN_LOCAL, SkipTrue: 1},
	bpf.RetConstant{Val: 0},
	bpf.RetConstant{Val: 1<<32 - 1},
}

// hostOrder is a number as a filter sees it: filters load network byte order,
// netlink headers are in the host's.
func hostOrder(v uint16) uint32 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], v)
	return uint32(binary.BigEndian.Uint16(b[:]))
}
