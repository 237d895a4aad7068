package firewall

import (
	"bytes"
	"slices"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// Intervals as the kernel keeps them, as begins and ends in any order, hold the keys
// that they were made of.
func TestIntervals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bounds := rapid.SliceOfNDistinct(rapid.Byte(), 2, 10, rapid.ID).Draw(t, "bounds")
		slices.Sort(bounds)
		in := make(map[byte]bool)
		var raw []rawElement
		for i := 0; i < len(bounds); i += 2 {
			raw = append(raw, rawElement{element: key(bounds[i])})
			last := 255
			if i+1 < len(bounds) {
				raw = append(raw, rawElement{element: key(bounds[i+1]), ends: true})
				last = int(bounds[i+1]) - 1
			}
			for k := int(bounds[i]); k <= last; k++ {
				in[byte(k)] = true
			}
		}
		raw = rapid.Permutation(raw).Draw(t, "order")
		s := makeSet(setInfo{flags: setInterval}, raw)
		for k := range 256 {
			if found, _ := s.find(constant(byte(k))); found != certain(in[byte(k)]) {
				t.Fatalf("%d: %v in %v", k, found, bounds)
			}
		}
	})
}

func key(b byte) element { return element{from: []byte{b}, to: []byte{b}} }

// An interval may begin where another ends.
func TestIntervalsThatTouch(t *testing.T) {
	s := makeSet(setInfo{flags: setInterval}, []rawElement{
		{element: key(10)}, {element: key(20)}, {element: key(20), ends: true}, {element: key(30), ends: true},
	})
	for k, want := range map[byte]match{9: no, 10: yes, 19: yes, 20: yes, 29: yes, 30: no} {
		if found, hits := s.find(constant(k)); found != want || len(hits) > 1 {
			t.Errorf("%d: %v, %d hits", k, found, len(hits))
		}
	}
}

// Beside intervals a map may have something for all other keys.
func TestIntervalsAndTheRest(t *testing.T) {
	inside := key(10)
	inside.verdict.kind = verdictDrop
	rest := element{every: true, verdict: verdict{kind: verdictAccept}}
	s := makeSet(setInfo{flags: setInterval}, []rawElement{{element: rest}, {element: inside}, {element: key(20), ends: true}})
	for k, want := range map[byte]verdictKind{9: verdictAccept, 10: verdictDrop, 19: verdictDrop, 20: verdictAccept} {
		if found, hits := s.find(constant(k)); found != yes || len(hits) != 1 || hits[0].verdict.kind != want {
			t.Errorf("%d: %v, %+v", k, found, hits)
		}
	}
}

// An element holds of some packets only where what comes with it does more than to count.
func TestDecodeElement(t *testing.T) {
	with := func(name string) netlink.Attribute {
		return nest(unix.NFTA_SET_ELEM_EXPR, text(unix.NFTA_EXPR_NAME, name))
	}
	elementKey := value(unix.NFTA_SET_ELEM_KEY, 6)
	for _, c := range []struct {
		name        string
		all         []netlink.Attribute
		conditional bool
		fails       bool
	}{
		{"alone", []netlink.Attribute{elementKey}, false, false},
		{"counted", []netlink.Attribute{elementKey, with("counter")}, false, false},
		{"limited", []netlink.Attribute{elementKey, with("limit")}, true, false},
		{"with a list that is cut", []netlink.Attribute{elementKey, {Type: elemExpressions, Data: []byte{1}}}, true, false},
		{"without a key", nil, false, true},
		{"ends of two lengths", []netlink.Attribute{elementKey, value(elemKeyEnd, 7, 0)}, false, true},
	} {
		e, err := decodeElement(marshal(c.all...))
		if e.conditional != c.conditional || c.fails != (err != nil) {
			t.Errorf("%s: %+v, %v", c.name, e, err)
		}
	}
}

func TestSetFind(t *testing.T) {
	dropped := key(6)
	dropped.verdict = verdict{kind: verdictDrop}
	conditional := key(17)
	conditional.conditional = true
	rest := element{every: true, verdict: verdict{kind: verdictAccept}}
	pair := element{from: []byte{1, 0, 0, 0, 10}, to: []byte{1, 0, 0, 0, 20}}
	for _, c := range []struct {
		name string
		set  set
		key  word
		want match
		hits int
	}{
		{"there", set{elements: []element{dropped, conditional}}, constant(6), yes, 1},
		{"not there", set{elements: []element{dropped, conditional}}, constant(7), no, 0},
		{"perhaps", set{elements: []element{dropped, conditional}}, unknown(1), maybe, 2},
		{"conditional", set{elements: []element{dropped, conditional}}, constant(17), maybe, 1},
		{"the rest", set{elements: []element{dropped, rest}}, constant(7), yes, 1},
		{"not the rest", set{elements: []element{rest, dropped}}, constant(6), yes, 1},
		{"one or the rest", set{elements: []element{rest, dropped}}, unknown(1), yes, 2},
		{"the rest, with a condition", set{elements: []element{{every: true, conditional: true}}}, constant(7), maybe, 1},
		{"fickle", set{elements: []element{dropped}, fickle: true}, constant(7), maybe, 0},
		{"empty", set{}, nil, no, 0},
		{"both in their ranges", set{elements: []element{pair}, fields: []int{1, 1}}, constant(1, 0, 0, 0, 15), yes, 1},
		{"the second not in its range", set{elements: []element{pair}, fields: []int{1, 1}}, constant(1, 0, 0, 0, 25), no, 0},
		{"the second unknown", set{elements: []element{pair}, fields: []int{1, 1}}, append(constant(1, 0, 0, 0), octet{}), maybe, 1},
		{"the first not it", set{elements: []element{pair}, fields: []int{1, 1}}, append(constant(2, 0, 0, 0), octet{}), no, 0},
		{"other length", set{elements: []element{dropped}}, constant(6, 0), maybe, 1},
	} {
		if found, hits := c.set.find(c.key); found != c.want || len(hits) != c.hits {
			t.Errorf("%s: %v with %d hits, want %v with %d", c.name, found, len(hits), c.want, c.hits)
		}
	}
}

// before is one less.
func TestBefore(t *testing.T) {
	for _, c := range [][2][]byte{{{1}, {0}}, {{1, 0}, {0, 255}}, {{2, 0, 0}, {1, 255, 255}}, {{1, 7}, {1, 6}}} {
		if got := before(c[0]); !bytes.Equal(got, c[1]) {
			t.Errorf("before %v: %v, want %v", c[0], got, c[1])
		}
	}
}
