package firewall

import (
	"bytes"
	"encoding/binary"
)

// entrance is the interface by which a packet comes in, as far as it is known.
type entrance struct{ name, index word }

// mostEntrances is how many are told apart.
const mostEntrances = 64

const nameBytes = 16 // IFNAMSIZ

// anywhere is an interface that nothing is known of but that it is not lo.
func anywhere() entrance {
	return entrance{interfaceName.word(), interfaceIndex.word()}
}

// elsewhere is one that has none of the names or beginnings of names.
func elsewhere(names [][]byte) entrance {
	e := anywhere()
	e.name = (&origin{nameBytes, func(low, high []byte) bool {
		for _, n := range names {
			if bytes.HasPrefix(low, n) && bytes.HasPrefix(high, n) {
				return true
			}
		}
		return interfaceName.excludes(low, high)
	}}).word()
	return e
}

// called is the interface with a name, or one whose name begins so.
func called(name []byte) entrance {
	e := anywhere()
	copy(e.name, constant(name...))
	return e
}

// wholeName is a name as registers hold it.
func wholeName(name string) []byte {
	b := make([]byte, nameBytes)
	copy(b[:nameBytes-1], name)
	return b
}

// exactly is an interface that is known.
func exactly(name string, index int) entrance {
	e := called(wholeName(name))
	if index > 0 {
		e.index = constant(binary.NativeEndian.AppendUint32(nil, uint32(index))...)
	}
	return e
}

// entrances are the interfaces by which a PTB may come in, as rules tell them
// apart: what two rules say of one interface is then not taken for what they say of
// two.
func (r Ruleset) entrances(p PTB) []entrance {
	switch {
	case p.Interface != "":
		return []entrance{exactly(p.Interface, p.Index)}
	case len(r.names) > mostEntrances:
		return []entrance{anywhere()}
	}
	all := []entrance{elsewhere(r.names)}
	for _, name := range r.names {
		if !bytes.HasPrefix(name, []byte(loopbackName)) {
			all = append(all, called(name))
		}
	}
	return all
}

// by reports whether the interface is one of those with the names; none: any.
func (e entrance) by(devices []string) match {
	if len(devices) == 0 {
		return maybe
	}
	found := no
	for _, d := range devices {
		found = max(found, e.name.equals(wholeName(d)))
	}
	return found
}
