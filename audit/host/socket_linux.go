package host

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Of linux/inet_diag.h and include/net/tcp_states.h, which x/sys/unix lacks.
const (
	diagRequestBytes = 56 // struct inet_diag_req_v2
	diagMessageBytes = 72 // struct inet_diag_msg
	diagInfo         = 2  // INET_DIAG_INFO
	diagIPv6Only     = 11 // INET_DIAG_SKV6ONLY
	stateClose       = 7  // TCP_CLOSE: of UDP, bound and not connected
	stateListen      = 10 // TCP_LISTEN

	msgFamily     = 0 // offsets in struct inet_diag_msg
	msgState      = 1
	msgLocalPort  = 4
	msgRemotePort = 6
	msgLocal      = 8
	msgCookie     = 44
)

// infoPathMTU is the offset of tcpi_pmtu in struct tcp_info, which newer kernels
// make longer at its end.
const infoPathMTU = int(unsafe.Offsetof(unix.TCPInfo{}.Pmtu))

// socketRequest asks for one socket, or by a dump for all in some states; a dump
// has no addresses.
type socketRequest struct {
	family, protocol uint8
	extensions       uint8  // attributes to answer with, 1<<(number-1)
	states           uint32 // 1<<state; only a dump heeds them
	local, remote    netip.AddrPort
}

// appendSocketRequest appends struct inet_diag_req_v2: any interface, any cookie
// (INET_DIAG_NOCOOKIE).
func appendSocketRequest(b []byte, q socketRequest) []byte {
	begin := len(b)
	b = append(b, q.family, q.protocol, q.extensions, 0)
	b = binary.NativeEndian.AppendUint32(b, q.states)
	first, second := q.local, q.remote
	if q.protocol == unix.IPPROTO_UDP {
		// Swapped "for historical reasons" (udp_dump_one in net/ipv4/udp_diag.c).
		first, second = second, first
	}
	b = binary.BigEndian.AppendUint16(b, first.Port())
	b = binary.BigEndian.AppendUint16(b, second.Port())
	b = appendDiagAddress(b, first.Addr())
	b = appendDiagAddress(b, second.Addr())
	b = append(b, 0, 0, 0, 0)
	for len(b) < begin+diagRequestBytes {
		b = append(b, 0xff)
	}
	return b
}

// appendDiagAddress appends 16 bytes, of which IPv4 takes the first four.
func appendDiagAddress(b []byte, a netip.Addr) []byte {
	var field [16]byte
	if a.IsValid() {
		appendAddress(field[:0], a)
	}
	return append(b, field[:]...)
}

// decodeSocket reads struct inet_diag_msg and its attributes
// (inet_sk_diag_fill in net/ipv4/inet_diag.c).
func decodeSocket(b []byte, local, remote uint16) (Socket, error) {
	if len(b) < diagMessageBytes {
		return Socket{}, errShort
	}
	port := binary.BigEndian.Uint16(b[msgRemotePort:])
	s := Socket{
		Listening: b[msgState] == stateListen,
		Connected: port != 0,
		Cookie:    uint64(binary.NativeEndian.Uint32(b[msgCookie:])) | uint64(binary.NativeEndian.Uint32(b[msgCookie+4:]))<<32,
	}
	if binary.BigEndian.Uint16(b[msgLocalPort:]) != local || s.Connected && port != remote {
		return Socket{}, errOtherSocket
	}
	a := attributes{rest: b[diagMessageBytes:]}
	for a.next() {
		if a.kind == diagInfo && s.Connected {
			s.PathMTU, a.err = decodePathMTU(a.value)
		}
	}
	if a.err != nil {
		return Socket{}, a.err
	}
	return s, nil
}

// decodePathMTU reads struct tcp_info.
func decodePathMTU(b []byte) (uint32, error) {
	if len(b) < infoPathMTU+4 {
		return 0, errShort
	}
	return binary.NativeEndian.Uint32(b[infoPathMTU:]), nil
}
