package firewall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/mdlayher/netlink"
)

// kindMask is the part of an attribute's type that is no flag (NLA_TYPE_MASK).
const kindMask = 1<<14 - 1

var errMissing = errors.New("an attribute is missing or of a wrong length")

// attributes are those of one message or nest, by kind. The getters of what must
// be there note in err what is not.
type attributes struct {
	by  map[uint16][]byte
	err error
}

func parse(b []byte) *attributes {
	a := &attributes{by: make(map[uint16][]byte)}
	list, err := netlink.UnmarshalAttributes(b)
	for _, one := range list {
		a.by[one.Type&kindMask] = one.Data
	}
	a.err = err
	return a
}

// elements are the attributes of a list, which are all of one kind.
func elements(b []byte) ([][]byte, error) {
	list, err := netlink.UnmarshalAttributes(b)
	if err != nil {
		return nil, err
	}
	all := make([][]byte, len(list))
	for i, one := range list {
		all[i] = one.Data
	}
	return all, nil
}

func (a *attributes) has(kind uint16) bool {
	_, ok := a.by[kind]
	return ok
}

func (a *attributes) fail(kind uint16) {
	if a.err == nil {
		a.err = fmt.Errorf("attribute %d: %w", kind, errMissing)
	}
}

// bytes is a value that must be there.
func (a *attributes) bytes(kind uint16) []byte {
	b, ok := a.by[kind]
	if !ok {
		a.fail(kind)
	}
	return b
}

// number is a number of four bytes, in network byte order like all of nftables.
func (a *attributes) number(kind uint16) uint32 {
	b := a.bytes(kind)
	if len(b) != 4 {
		a.fail(kind)
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

// optional is a number that is 0 where it is not there.
func (a *attributes) optional(kind uint16) uint32 {
	if !a.has(kind) {
		return 0
	}
	return a.number(kind)
}

func (a *attributes) text(kind uint16) string {
	return strings.TrimRight(string(a.bytes(kind)), "\x00")
}

// nest are the attributes inside of one.
func (a *attributes) nest(kind uint16) *attributes {
	n := parse(a.bytes(kind))
	if a.err == nil {
		a.err = n.err
	}
	return n
}
