package firewall

// ecnBits are those of the TOS byte that change between the packets of a connection
// (RFC 3168); the others are DSCP.
const ecnBits = 0x03

// withTOS is a network header with the TOS byte in it. IPv6 has its upper half in
// the first byte, its lower one in the second.
func (h word) withTOS(ipv6 bool, tos octet) word {
	if !ipv6 {
		h[1] = tos
		return h
	}
	h[0].value, h[0].known = h[0].value&0xf0|tos.value>>4, h[0].known&0xf0|tos.known>>4
	h[1].value, h[1].known = h[1].value&0x0f|tos.value<<4, h[1].known&0x0f|tos.known<<4
	return h
}

// tos is the TOS byte of a network header.
func (h word) tos(ipv6 bool) octet {
	if !ipv6 {
		return octet{value: h[1].value, known: h[1].known}
	}
	return octet{value: h[0].value<<4 | h[1].value>>4, known: h[0].known<<4 | h[1].known>>4}
}

// hasTOS reports whether a part of a header has bits of the TOS byte.
func (p place) hasTOS(ipv6 bool) bool {
	first, end := p.offset, p.offset+p.bytes
	return p.layer == layerNetwork && first <= 1 && (end > 1 || ipv6)
}

// header is what is known of one of the packet's headers.
func (r *run) header(l layer) word {
	h := r.packet.header(l)
	if r.rewritten {
		h = unknown(len(h))
	}
	if l == layerNetwork {
		h = h.withTOS(r.ipv6, r.tos)
	}
	return h
}

// slice is n bytes of a header.
func (r *run) slice(p place) word {
	w := unknown(p.bytes)
	if h := r.header(p.layer); p.offset < len(h) {
		copy(w, h[p.offset:])
	}
	return w
}

// changeTOS is "TOS & keep ^ flip".
type changeTOS struct{ keep, flip byte }

func (x changeTOS) eval(r *run) match {
	r.tos = word{r.tos}.mask([]byte{x.keep}, []byte{x.flip})[0]
	return yes
}

func (changeTOS) tell(*speech) string { return "ip dscp set …" }

// look notes that a part of the packet is looked at. Behind a frame's header lies the
// packet's; what of that is asked for so is not told.
func (r *run) look(p place) {
	const linkBytes = 14
	r.looked = r.looked || p.hasTOS(r.ipv6)
	if p.layer == layerLink && p.offset+p.bytes > linkBytes || p.layer > layerTransport {
		r.looked, r.unclear = true, true
	}
}
