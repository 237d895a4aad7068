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
	// struct nexthop_grp: id, weight less one, since 6.12 its high byte.
	memberWeight     = 4
	memberWeightHigh = 5
	memberBytes      = 8
	// maxObjects bounds the nexthop objects that are held, those of a group
	// counted by each.
	maxObjects = 1 << 16
)

// objects are the nexthop objects and groups of this host: what routes that name
// them by id only (RTA_NH_ID) go by. The kernel spells their next hops out in
// every route unless net.ipv4.nexthop_compat_mode is 0.
type objects struct {
	single map[uint32]NextHop
	groups map[uint32][]member
	count  int
	hops   []NextHop // memory for resolve
}

// member is a nexthop object in a group.
type member struct {
	id     uint32
	weight int
}

func (o *objects) begin() {
	*o = objects{single: make(map[uint32]NextHop), groups: make(map[uint32][]member)}
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
func decodeObject(b []byte) (id uint32, hop NextHop, group []member, err error) {
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
	hop.Object = id
	return id, hop, group, a.err
}

func decodeGroup(b []byte) ([]member, error) {
	if len(b)%memberBytes != 0 {
		return nil, errAttribute
	}
	group := make([]member, 0, len(b)/memberBytes)
	for ; len(b) > 0; b = b[memberBytes:] {
		group = append(group, member{
			id:     binary.NativeEndian.Uint32(b),
			weight: (int(b[memberWeight]) | int(b[memberWeightHigh])<<8) + 1,
		})
	}
	return group, nil
}

// resolve gives a route that has none the next hops of its object, and those
// that it has the ids of their objects. An object that is not known gives none.
func (o *objects) resolve(r *FIBRoute) {
	o.hops = o.hops[:0]
	if group, ok := o.groups[r.Object]; ok {
		for _, m := range group {
			if hop, ok := o.single[m.id]; ok {
				hop.Weight = m.weight
				o.hops = append(o.hops, hop)
			}
		}
	} else if hop, ok := o.single[r.Object]; ok {
		o.hops = append(o.hops, hop)
	}
	switch len(r.NextHops) {
	case 0:
		r.NextHops = append(r.NextHops, o.hops...)
	case len(o.hops):
		for i := range r.NextHops {
			r.NextHops[i].Object = o.hops[i].Object
		}
	}
}
