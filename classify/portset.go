package classify

// PortSet is a set of ports, one bit each in 8 KiB; the zero value stands for
// all ports. It is not comparable, since == would compare the pointer.
type PortSet struct {
	_    [0]func()
	bits *[1 << 16 / 64]uint64
}

// Ports returns the set of the given ports; without any it is the zero value.
func Ports(ports ...uint16) PortSet {
	if len(ports) == 0 {
		return PortSet{}
	}
	s := PortSet{bits: new([1 << 16 / 64]uint64)}
	for _, p := range ports {
		s.bits[p>>6] |= 1 << (p & 63)
	}
	return s
}

// Has tells whether port is in the set.
func (s PortSet) Has(port uint16) bool {
	return s.bits == nil || s.bits[port>>6]>>(port&63)&1 != 0
}
