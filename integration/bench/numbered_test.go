package bench

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"ptbrelay/classify"
)

// layout says where a PTB frame holds what differs between two of them, by
// offset in bytes.
type layout struct {
	icmp           int
	router, client int    // 16 bits of the address of each
	addresses      uint16 // of each that there are
	// The quoted ports and TCP sequence number, 4 bytes each: where the
	// smallest quote has room for a number and a time.
	number, time int
}

var layouts = map[classify.Family]layout{
	classify.IPv4: {icmp: 34, router: 28, client: 60, addresses: 250, number: 62, time: 66},
	classify.IPv6: {icmp: 54, router: 26, client: 90, addresses: 60000, number: 102, time: 106},
}

// numbered makes PTB frames, each with a number of its own and the time at
// which it was made. The number is the quoted ports, so each is about a flow of
// its own; client and router change with it, as far as documentation addresses
// go.
type numbered struct {
	layout
	ipv4    bool
	frame   []byte // zeros where frames differ
	header  uint32 // sum over the IPv4 header of frame
	message uint32 // sum over what the ICMP checksum covers of frame
}

// newNumbered takes a frame around a PTB without options or extension headers.
func newNumbered(f classify.Family, frame []byte) *numbered {
	n := &numbered{layout: layouts[f], ipv4: f == classify.IPv4, frame: frame}
	clear(frame[n.icmp+2 : n.icmp+4])
	clear(frame[n.number : n.time+4])
	if n.ipv4 {
		frame[n.router+1], frame[n.client+1] = 0, 0
		clear(frame[24:26])
		n.header, n.message = sum(frame[14:n.icmp]), sum(frame[n.icmp:])
		return n
	}
	clear(frame[n.router : n.router+2])
	clear(frame[n.client : n.client+2])
	pseudo := sum(frame[22:n.icmp]) + uint32(len(frame)-n.icmp) + unix.IPPROTO_ICMPV6
	n.message = pseudo + sum(frame[n.icmp:])
	return n
}

// put makes frame number number in place of buf.
func (n *numbered) put(buf []byte, number, time uint32) []byte {
	frame := append(buf[:0], n.frame...)
	address := 1 + uint16(number%uint32(n.addresses))
	add16(frame[n.router:], address)
	add16(frame[n.client:], address)
	binary.BigEndian.PutUint32(frame[n.number:], number)
	binary.BigEndian.PutUint32(frame[n.time:], time)
	message := n.message + uint32(address) + number>>16 + number&0xffff + time>>16 + time&0xffff
	if n.ipv4 {
		putChecksum(frame[24:], n.header+uint32(address))
	} else {
		message += uint32(address) // the router's is covered as well
	}
	putChecksum(frame[n.icmp+2:], message)
	return frame
}

// read is the number and the time of a frame's first bytes.
func (n *numbered) read(frame []byte) (number, time uint32, ok bool) {
	if len(frame) < n.time+4 || frame[n.icmp] != n.frame[n.icmp] || [2]byte(frame[12:]) != [2]byte(n.frame[12:]) {
		return 0, 0, false
	}
	return binary.BigEndian.Uint32(frame[n.number:]), binary.BigEndian.Uint32(frame[n.time:]), true
}

func add16(b []byte, v uint16) { binary.BigEndian.PutUint16(b, binary.BigEndian.Uint16(b)+v) }

// sum adds up 16-bit words as RFC 1071 does.
func sum(b []byte) (total uint32) {
	for ; len(b) > 1; b = b[2:] {
		total += uint32(binary.BigEndian.Uint16(b))
	}
	return total
}

func putChecksum(b []byte, sum uint32) {
	for sum>>16 != 0 {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(b, ^uint16(sum))
}
