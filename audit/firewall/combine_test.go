package firewall

import "testing"

func TestCombine(t *testing.T) {
	some := []octet{{value: 0x00, known: 0xff}, {value: 0xa5, known: 0xff}, {value: 0x20, known: 0x30}, {}}
	for op, do := range map[bitOperator]func(a, b byte) byte{
		bitAnd: func(a, b byte) byte { return a & b },
		bitOr:  func(a, b byte) byte { return a | b },
		bitXor: func(a, b byte) byte { return a ^ b },
	} {
		for _, a := range some {
			for _, b := range some {
				got := op.combine(a, b)
				if got.value&^got.known != 0 {
					t.Errorf("%d: %+v", op, got)
				}
				known, first := byte(0xff), do(a.value, b.value)
				for x := range 256 {
					for y := range 256 {
						v := do(a.value|byte(x)&^a.known, b.value|byte(y)&^b.known)
						known &^= v ^ first
						if (v^got.value)&got.known != 0 {
							t.Fatalf("%d of %+v and %+v: %+v, but %#x may be", op, a, b, got, v)
						}
					}
				}
				if got.known != known {
					t.Errorf("%d of %+v and %+v: knows %#x, may know %#x", op, a, b, got.known, known)
				}
			}
		}
	}
}

func TestShifted(t *testing.T) {
	for _, c := range []struct {
		x    shifted
		of   []uint32
		want []uint32
	}{
		{shifted{bytes: 1, by: 2}, []uint32{0xb9}, []uint32{0x2e}},
		{shifted{bytes: 4, by: 8, left: true}, []uint32{0x80000001}, []uint32{0x100}},
		{shifted{bytes: 8, by: 4}, []uint32{0x12345678, 0x9abcdef0}, []uint32{0x1234567, 0x89abcdef}},
		{shifted{bytes: 8, by: 4, left: true}, []uint32{0x12345678, 0x9abcdef0}, []uint32{0x23456789, 0xabcdef00}},
		{shifted{bytes: 4}, []uint32{0x12345678}, []uint32{0x12345678}},
	} {
		all := []uint32{^uint32(0), ^uint32(0)}[:len(c.of)]
		r := run{}
		r.put(0, numbers(c.of, all))
		c.x.eval(&r)
		if got := r.get(0, 4*len(c.of)); got.equals(host32(c.want...)) != yes {
			t.Errorf("%+v of %x: %+v, want %x", c.x, c.of, got, c.want)
		}
	}
	r := run{}
	r.put(0, unknown(4))
	shifted{bytes: 4, by: 8, left: true}.eval(&r)
	if got, known := r.get(0, 4).number(); got != 0 || known != 0xff {
		t.Errorf("of what is not known: %#x of %#x", got, known)
	}
}
