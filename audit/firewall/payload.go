package firewall

import "fmt"

// payloadField is n bytes of a header.
func payloadField(l layer, offset, n int) field {
	p := place{l, offset, n}
	f := described(p)
	f.bytes = n
	f.read = func(r *run) (word, match) {
		r.look(p)
		switch {
		case l > layerTransport:
			return unknown(n), maybe
		case l == layerLink && !r.broadcast:
			return r.slice(p), maybe // it has none where it did not come by Ethernet
		}
		return r.slice(p), yes
	}
	return f
}

// place is where a field lies.
type place struct {
	layer  layer
	offset int
	bytes  int
}

var payloads = map[place]field{
	{layerNetwork, 9, 1}:    {name: "ip protocol", show: showProtocol},
	{layerNetwork, 12, 4}:   {name: "ip saddr", show: showAddress},
	{layerNetwork, 16, 4}:   {name: "ip daddr", show: showAddress},
	{layerNetwork, 6, 1}:    {name: "ip6 nexthdr", show: showProtocol},
	{layerNetwork, 6, 2}:    {name: "ip frag-off", show: showHex},
	{layerNetwork, 8, 16}:   {name: "ip6 saddr", show: showAddress},
	{layerNetwork, 24, 16}:  {name: "ip6 daddr", show: showAddress},
	{layerTransport, 0, 1}:  {name: "icmp type", show: showBig},
	{layerTransport, 1, 1}:  {name: "icmp code", show: showBig},
	{layerTransport, 0, 2}:  {name: "th sport", show: showBig},
	{layerTransport, 2, 2}:  {name: "th dport", show: showBig},
	{layerTransport, 13, 1}: {name: "tcp flags", show: showHex},
}

// addresses are the fields of which rules ask for the first bytes, which is for a
// prefix.
var addresses = []place{{layerNetwork, 12, 4}, {layerNetwork, 16, 4}, {layerNetwork, 8, 16}, {layerNetwork, 24, 16}}

// ttl is where IPv4 has its TTL, and IPv6 a part of its source.
var ttl = place{layerNetwork, 8, 1}

// described is the name and show of a field by its place.
func described(p place) field {
	if f, ok := payloads[p]; ok {
		return f
	}
	for _, a := range addresses {
		if p.layer == a.layer && p.offset == a.offset && p.bytes < a.bytes && p != ttl {
			return field{name: payloads[a].name, show: prefixOf(a.bytes)}
		}
	}
	name, ok := map[layer]string{layerLink: "ll", layerNetwork: "nh", layerTransport: "th"}[p.layer]
	if !ok {
		name = "…"
	}
	return field{name: fmt.Sprintf("@%s,%d,%d", name, p.offset*8, p.bytes*8), show: showHex}
}

// prefixOf shows the first bytes of an address of n bytes.
func prefixOf(n int) func([]byte) string {
	return func(b []byte) string {
		whole := make([]byte, n)
		copy(whole, b)
		return fmt.Sprintf("%s/%d", showAddress(whole), 8*len(b))
	}
}

// rewrite changes bytes of a header to those of a register. It is noted where what
// is known of them changes.
type rewrite struct {
	place
	source int
}

func (x rewrite) eval(r *run) match {
	source := r.get(x.source, x.bytes)
	if x.hasTOS(r.ipv6) {
		h := r.header(layerNetwork)
		copy(h[x.offset:], source)
		r.tos = h.tos(r.ipv6)
	}
	if x.layer > layerTransport || !source.keeps(r.slice(x.place)) {
		r.rewritten = true
	}
	return yes
}

func (x rewrite) tell(*speech) string { return described(x.place).name + " set …" }

// keeps reports whether all that is known of another word holds of this one too.
func (w word) keeps(o word) bool {
	for i := range o {
		if w[i].known&o[i].known != o[i].known || (w[i].value^o[i].value)&o[i].known != 0 {
			return false
		}
		if o[i].from != nil && w[i] != o[i] {
			return false
		}
	}
	return true
}
