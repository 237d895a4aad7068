package firewall

import "fmt"

// payloadField is n bytes of a header.
func payloadField(l layer, offset, n int) field {
	return field{
		name:  payloadName(l, offset, n),
		bytes: n,
		show:  payloadShow(l, offset, n),
		read: func(r *run) (word, match) {
			if r.rewritten {
				return unknown(n), yes
			}
			if l > layerTransport {
				return unknown(n), maybe
			}
			return r.slice(l, offset, n), yes
		},
	}
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

func payloadName(l layer, offset, n int) string {
	if f, ok := payloads[place{l, offset, n}]; ok {
		return f.name
	}
	names := map[layer]string{layerLink: "ll", layerNetwork: "nh", layerTransport: "th"}
	name, ok := names[l]
	if !ok {
		name = "…"
	}
	return fmt.Sprintf("@%s,%d,%d", name, offset*8, n*8)
}

func payloadShow(l layer, offset, n int) func([]byte) string {
	if f, ok := payloads[place{l, offset, n}]; ok {
		return f.show
	}
	return showHex
}

// rewrite changes bytes of a header to those of a register. It is noted where what
// is known of them changes.
type rewrite struct {
	source int
	layer  layer
	offset int
	bytes  int
}

func (x rewrite) eval(r *run) match {
	if x.layer > layerTransport || !r.get(x.source, x.bytes).keeps(r.slice(x.layer, x.offset, x.bytes)) {
		r.rewritten = true
	}
	return yes
}

func (x rewrite) tell(*speech) string { return payloadName(x.layer, x.offset, x.bytes) + " set …" }

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
