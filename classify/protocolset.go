package classify

// ProtocolSet is a set of protocols, one bit each; the zero value is empty. It
// can be compared with ==.
type ProtocolSet [4]uint64

// Protocols returns the set of the given protocols.
func Protocols(protocols ...Protocol) ProtocolSet {
	var s ProtocolSet
	for _, p := range protocols {
		s[p>>6] |= 1 << (p & 63)
	}
	return s
}

// Has tells whether p is in the set.
func (s ProtocolSet) Has(p Protocol) bool {
	return s[p>>6]>>(p&63)&1 != 0
}
