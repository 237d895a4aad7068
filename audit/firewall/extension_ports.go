package firewall

import "encoding/binary"

// decodePorts reads struct xt_tcp and struct xt_udp: source ports from and to,
// destination ports, and whether each is inverted, before which TCP has three bytes of
// its own, of which one is what flags to look at and the first an option.
func decodePorts(protocol byte, info []byte) expression {
	p := ports{protocol: protocol}
	invert := 8
	if protocol == protocolTCP {
		invert = 11
	}
	if len(info) <= invert {
		return nil
	}
	for i := range p.bounds {
		p.bounds[i] = binary.BigEndian.AppendUint16(nil, binary.NativeEndian.Uint16(info[2*i:]))
	}
	p.invert = info[invert]
	if protocol == protocolTCP {
		p.more = info[8] != 0 || info[9] != 0
	}
	return p
}

// ports holds of packets of a protocol with ports within bounds (tcp_mt and udp_mt in
// net/netfilter/xt_tcpudp.c).
type ports struct {
	protocol byte
	bounds   [4][]byte // of the source, of the destination
	invert   byte
	more     bool // asks for more than that
}

func (x ports) eval(r *run) match {
	if r.segment == nil {
		return no
	}
	m := r.protocol().equals([]byte{x.protocol})
	for i := range 2 {
		within := r.slice(place{layerTransport, 2 * i, 2}).within(x.bounds[2*i], x.bounds[2*i+1])
		if x.invert&(1<<i) != 0 {
			within = within.not()
		}
		m = m.and(within)
	}
	if x.more || x.invert>>2 != 0 {
		m = m.and(maybe)
	}
	return m
}

func (x ports) tell(*speech) string {
	if x.protocol == protocolTCP {
		return "tcp …"
	}
	return "udp …"
}
