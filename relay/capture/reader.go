package capture

import (
	"encoding/binary"
	"sync/atomic"
	"time"
)

// Framing of linux/netlink.h and linux/netfilter/nfnetlink_log.h. Lengths and
// types are in host byte order, attribute values in network byte order.
const (
	nlHeader    = 16 // struct nlmsghdr
	nfgenHeader = 4  // struct nfgenmsg
	nlaHeader   = 4  // struct nlattr
	nlaTypeMask = 1<<14 - 1

	packetMessage = 4 << 8 // NFNL_SUBSYS_ULOG, NFULNL_MSG_PACKET

	attrHardware = 8  // NFULA_HWADDR
	attrPayload  = 9  // NFULA_PAYLOAD
	attrSeq      = 12 // NFULA_SEQ

	// hardwareSize is of struct nfulnl_msg_packet_hw: the length of the address
	// (2 bytes, big endian), 2 bytes of padding, the address in 8 bytes.
	hardwareSize = 12

	// maxMissing: a larger jump is the group starting its count anew.
	maxMissing = 1 << 31
)

// reader takes log messages out of datagrams, in place, and counts the losses
// that their sequence numbers show.
type reader struct {
	// drops is how many datagrams the kernel could not queue so far, asked only
	// when messages are missing.
	drops func() uint32
	// drained is to be set when the socket was found empty: what comes next was
	// queued after every drop that earlier gaps can stem from.
	drained bool

	at      time.Time // when the datagrams at hand were read
	batch   [MaxBatch]Packet
	n       int
	started bool
	next    uint32 // sequence number expected
	dropped uint32 // drops that earlier gaps account for
	gapped  bool   // a gap was seen since dropped was noted

	overrun, gap atomic.Uint64
}

// read adds the packets of one datagram to the batch and hands over full ones.
// What is not framed as the kernel frames it ends the datagram.
func (r *reader) read(datagram []byte, h Handler) {
	for len(datagram) >= nlHeader {
		size := int(binary.NativeEndian.Uint32(datagram))
		if size < nlHeader || size > len(datagram) {
			return
		}
		if binary.NativeEndian.Uint16(datagram[4:]) == packetMessage && size >= nlHeader+nfgenHeader {
			r.message(datagram[nlHeader+nfgenHeader:size], h)
		}
		datagram = datagram[min(align4(size), len(datagram)):]
	}
}

// message reads the attributes of one log message. One without a payload is
// numbered all the same.
func (r *reader) message(attrs []byte, h Handler) {
	p := &r.batch[r.n]
	*p = Packet{}
	for len(attrs) >= nlaHeader {
		size := int(binary.NativeEndian.Uint16(attrs))
		if size < nlaHeader || size > len(attrs) {
			break
		}
		value := attrs[nlaHeader:size]
		switch binary.NativeEndian.Uint16(attrs[2:]) & nlaTypeMask {
		case attrHardware:
			p.From = sender(value)
		case attrPayload:
			p.Data = value
		case attrSeq:
			if len(value) == 4 {
				r.number(binary.BigEndian.Uint32(value))
			}
		}
		attrs = attrs[min(align4(size), len(attrs)):]
	}
	if p.Data == nil {
		return
	}
	r.n++
	if r.n == len(r.batch) {
		r.flush(h)
	}
}

// sender reads struct nfulnl_msg_packet_hw: the address that the frame came from,
// where that is an Ethernet address.
func sender(hardware []byte) (mac [macSize]byte) {
	if len(hardware) == hardwareSize && binary.BigEndian.Uint16(hardware) == macSize {
		mac = [macSize]byte(hardware[4:])
	}
	return mac
}

// number compares a message's sequence number with the one expected.
func (r *reader) number(seq uint32) {
	missing := seq - r.next
	r.next = seq + 1
	if !r.started {
		r.started = true
		return
	}
	if missing != 0 && missing <= maxMissing {
		r.lose(missing)
	}
	if r.drained && r.gapped {
		r.dropped, r.gapped = r.drops(), false
	}
	r.drained = false
}

// lose counts missing messages by reason. Drops show late and several gaps at a
// time, so all gaps are theirs until the socket was empty once.
func (r *reader) lose(missing uint32) {
	r.gapped = true
	if r.drops() != r.dropped {
		r.overrun.Add(uint64(missing))
	} else {
		r.gap.Add(uint64(missing))
	}
}

// flush hands over what the batch holds.
func (r *reader) flush(h Handler) {
	if r.n == 0 {
		return
	}
	n := r.n
	r.n = 0
	h(r.at, r.batch[:n])
}

func align4(n int) int { return (n + 3) &^ 3 }
