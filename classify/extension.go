package classify

// maxExtensionHeaders bounds the walk. RFC 8200 §4.1 lists each header once
// and the destination options twice, seven at most; a longer chain is work
// that somebody else wants us to do.
const maxExtensionHeaders = 8

// chainEnd says how a walk over extension headers ended.
type chainEnd uint8

const (
	chainComplete  chainEnd = iota // at an upper-layer header of at least 8 bytes
	chainCut                       // the bytes ended first
	chainMalformed                 // too many headers, or hop-by-hop not the first
)

// chain is what a walk over IPv6 extension headers found.
type chain struct {
	offset       int      // of the upper-layer header, in bytes from the IPv6 header
	fragment     uint16   // offset and M of the fragment header; 0: none, or atomic
	upper        Protocol // number of the upper-layer header
	end          chainEnd
	segmentsLeft bool // a routing header is not used up yet
}

// walkIPv6 walks the extension headers (RFC 8200 §4) of packet, which has at
// least the 40 bytes of an IPv6 header: the same set that ipv6_skip_exthdr of
// the kernel skips. ESP (RFC 4303) is opaque, "no next header" has nothing
// behind it, and mobility, HIP and shim6 headers are no way to a port either;
// all of them end the walk as upper-layer headers do. So does the header of a
// fragment other than the first, as data of another header's middle follows.
//
// Every header, the upper-layer header too, needs 8 bytes; so the walk never
// reads past the slice, and 8 bytes are there at offset when it is complete.
func walkIPv6(packet []byte) chain {
	c := chain{offset: ipv6HeaderLen, upper: Protocol(packet[6])}
	for n := 0; ; n++ {
		if len(packet)-c.offset < 8 {
			c.end = chainCut
			return c
		}
		if c.fragment&ipv6OffsetBits != 0 || !c.upper.isExtension() {
			return c
		}
		if n == maxExtensionHeaders || n > 0 && c.upper == protocolHopByHop {
			c.end = chainMalformed
			return c
		}
		c.step(packet[c.offset:])
	}
}

// isExtension tells whether the walk knows how to step over this header.
func (p Protocol) isExtension() bool {
	switch p {
	case protocolHopByHop, protocolRouting, protocolFragment, protocolAH, protocolDestOpts:
		return true
	}
	return false
}

// step goes over one extension header, of which at least 8 bytes are there.
func (c *chain) step(header []byte) {
	size := 8 * (int(header[1]) + 1) // RFC 8200 §4.3: in 8 bytes, without the first
	switch c.upper {
	case protocolRouting:
		c.segmentsLeft = c.segmentsLeft || header[3] != 0
	case protocolFragment:
		size = 8                                          // no length field
		c.fragment |= be16(header[2:]) & ipv6FragmentBits // a second one hides no first
	case protocolAH:
		size = 4 * (int(header[1]) + 2) // RFC 4302 §2.2: in 4 bytes, without two
	}
	c.upper = Protocol(header[0])
	c.offset += size
}
