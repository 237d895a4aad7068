package host

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

const (
	// struct nhmsg (linux/nexthop.h).
	nhmsgFamily = 0
	nhmsgFlags  = 4
	nhmsgBytes  = 8
	// memberBytes is of struct nexthop_grp, which begins with the id.
	memberBytes = 8
	// maxObjects bounds the nexthop objects that are held, those of a group
	// counted by each.
	maxObjects = 1 << 16
)

// objects are the nexthop objects and groups of this host: what routes that name
// them by id only (RTA_NH_ID) go by. The kernel spells their next hops out in
// every route unless net.ipv4.nexthop_compat_mode is 0.
type objects struct {
	single map[uint32]NextHop
	groups map[uint32][]uint32 // ids of their members
	count  int
}

func (o *objects) begin() {
	*o = objects{single: make(map[uint32]NextHop), groups: make(map[uint32][]uint32)}
}

// add reads struct nhmsg and its attributes (nh_fill_node in net/ipv4/nexthop.c).
func (o *objects) add(b []byte) error {
	id, hop, group, err := decodeObject(b)
	if err != nil || o.count+1+len(group) > maxObjects {
		return err
	}
	o.count += 1 + len(group)
	if group != nil {
		o.groups[id] = group
	} else {
		o.single[id] = hop
	}
	return nil
}

// decodeObject reads one object, or a group.
func decodeObject(b []byte) (id uint32, hop NextHop, group []uint32, err error) {
	if len(b) < nhmsgBytes {
		return 0, NextHop{}, nil, errShort
	}
	hop = nextHop(b[nhmsgFlags])
	a := attributes{rest: b[nhmsgBytes:]}
	for a.next() {
		switch a.kind {
		case unix.NHA_ID:
			id = a.number()
		case unix.NHA_OIF:
			hop.Interface = int(int32(a.number()))
		case unix.NHA_GATEWAY:
			hop.Gateway = a.addressOf(b[nhmsgFamily])
		case unix.NHA_GROUP:
			group, a.err = decodeGroup(a.value)
		}
	}
	return id, hop, group, a.err
}

func decodeGroup(b []byte) ([]uint32, error) {
	if len(b)%memberBytes != 0 {
		return nil, errAttribute
	}
	group := make([]uint32, 0, len(b)/memberBytes)
	for ; len(b) > 0; b = b[memberBytes:] {
		group = append(group, binary.NativeEndian.Uint32(b))
	}
	return group, nil
}

// resolve gives a route that has none the next hops of its object. An object that
// is not known gives none.
func (o *objects) resolve(r *FIBRoute) {
	if len(r.NextHops) > 0 {
		return
	}
	members, ok := o.groups[r.Object]
	if !ok {
		members = []uint32{r.Object}
	}
	for _, id := range members {
		if hop, ok := o.single[id]; ok {
			r.NextHops = append(r.NextHops, hop)
		}
	}
}
