package firewall

import (
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
)

func (b builder) xtConntrack() []expr.Any {
	info := xt.ConntrackMtinfo3{ConntrackMtinfo2: xt.ConntrackMtinfo2{StateMask: pick(b, "states", uint16(ctInvalid), ctRelated, ctInvalid|ctEstablished, xtUntracked, xtDestinationNAT|ctNew)}}
	info.MatchFlags = uint16(xt.ConntrackState)
	if b.bool("inverted") {
		info.InvertFlags = uint16(xt.ConntrackState)
	}
	return []expr.Any{&expr.Match{Name: "conntrack", Rev: 3, Info: &info}}
}

func (b builder) xtMark() []expr.Any {
	info := xt.Unknown(append(b.number("mark", 0, 1, 2), b.number("mask", 1, 2, 3)...))
	info = append(info, pick(b, "inverted", byte(0), 1), 0, 0, 0)
	return []expr.Any{&expr.Match{Name: "mark", Rev: 1, Info: &info}}
}

func (b builder) xtAddrType() []expr.Any {
	types := pick(b, "types", uint16(addrLocal), addrUnicast, addrMulticast, addrLocal|addrMulticast)
	info := xt.Unknown(append(binaryutil.NativeEndian.PutUint16(0), binaryutil.NativeEndian.PutUint16(types)...))
	info = append(info, b.number("flags", 0, addrInvertDestination)...)
	return []expr.Any{&expr.Match{Name: "addrtype", Rev: 1, Info: &info}}
}
