package firewall

import "bytes"

// octet is a byte of which some bits are known.
type octet struct {
	value, known byte // value is zero where it is not known
	// The bits that are not known are those of byte number at of the field from.
	from *origin
	at   uint8
}

// word is a number of bytes of a packet or register, in their order.
type word []octet

func constant(b ...byte) word {
	w := make(word, len(b))
	for i, v := range b {
		w[i] = octet{value: v, known: 0xff}
	}
	return w
}

func unknown(n int) word { return make(word, n) }

// equals reports whether the word, which may be put together from several fields,
// is b, which is as long.
func (w word) equals(b []byte) match {
	m := yes
	for i, o := range w {
		switch {
		case (o.value^b[i])&o.known != 0:
			return no
		case o.known != 0xff:
			m = maybe
		}
		if end := i + w[i:].sameField(); w[i:end].impossible(b[i:end], b[i:end]) {
			return no
		}
	}
	return m
}

// sameField is how many octets from the first on are those of its field from its
// start.
func (w word) sameField() (n int) {
	for n < len(w) && w[0].from != nil && w[n].from == w[0].from && int(w[n].at) == n {
		n++
	}
	return n
}

// within reports whether the word, read with its first byte the highest, lies
// between two others as long as it, or is one of them.
func (w word) within(from, to []byte) match {
	least, most := w.bounds()
	switch {
	case bytes.Compare(most, from) < 0 || bytes.Compare(least, to) > 0:
		return no
	case bytes.Compare(least, from) >= 0 && bytes.Compare(most, to) <= 0:
		return yes
	case w.impossible(from, to):
		return no
	}
	return maybe
}

// bounds are the least and the highest that the word can be by its known bits.
func (w word) bounds() (least, most []byte) {
	least, most = make([]byte, len(w)), make([]byte, len(w))
	for i, o := range w {
		least[i], most[i] = o.value, o.value|^o.known
	}
	return least, most
}

// impossible reports whether the field whose first bits the word holds can never
// be such that the word lies within the bounds.
func (w word) impossible(from, to []byte) bool {
	if len(w) == 0 || w[0].from == nil {
		return false
	}
	o := w[0].from
	if len(w) > o.bytes || !w.isPrefix(o) {
		return false
	}
	low, high := make([]byte, o.bytes), bytes.Repeat([]byte{0xff}, o.bytes)
	for i := range w {
		low[i], high[i] = from[i], to[i]|w[i].known
	}
	return o.excludes(low, high)
}

// isPrefix reports whether the bits that are not known are the first ones of o.
func (w word) isPrefix(o *origin) bool {
	ended := false
	for i, b := range w {
		switch {
		case b.known == 0xff:
			ended = true
		case ended, b.from != o, int(b.at) != i, b.known&(b.known+1) != 0:
			return false
		default:
			ended = b.known != 0
		}
	}
	return true
}

// mask is the word after "& mask ^ xor", which are as long.
func (w word) mask(mask, xor []byte) word {
	masked := make(word, len(w))
	for i, o := range w {
		known := o.known | ^mask[i]
		masked[i] = octet{value: (o.value&mask[i] ^ xor[i]) & known, known: known}
		if xor[i]&^known == 0 {
			masked[i].from, masked[i].at = o.from, o.at
		}
	}
	return masked
}

// join keeps of two words of one length what holds of both.
func (w word) join(o word) word {
	both := make(word, len(w))
	for i := range w {
		both[i] = w[i].join(o[i])
	}
	return both
}

func (o octet) join(p octet) octet {
	if o == p {
		return o
	}
	known := o.known & p.known &^ (o.value ^ p.value)
	return octet{value: o.value & known, known: known}
}
