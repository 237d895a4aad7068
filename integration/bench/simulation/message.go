package simulation

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"ptbrelay/classify"
)

// The addresses of the real ones, as in the lab.
var (
	vip        = netip.MustParseAddr("192.0.2.1")
	realRouter = netip.MustParseAddr("198.51.100.5")
)

// client is the n-th real client.
func client(n uint32) netip.Addr { return address(203<<24 | 113<<8 | 1 + n) }

const servedPort = 443

// pathMTU is what all PTBs report, forged ones too, so that they can stand in a
// real one's place.
const pathMTU classify.MTU = 1400

// fill makes m a PTB as the decoder leaves it, without its bytes.
func fill(m *classify.Message, router netip.Addr, client netip.AddrPort) {
	fillFrom(m, router, servedPort, client)
}

// fillFrom does the same where the quote comes from any port of the VIP.
func fillFrom(m *classify.Message, router netip.Addr, port uint16, client netip.AddrPort) {
	m.Family, m.Router, m.VIP, m.MTU = classify.IPv4, router, vip, pathMTU
	m.Flow = classify.MakeFlow(classify.TCP, netip.AddrPortFrom(vip, port), client)
}

// address is a number as an IPv4 address.
func address(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n)))
}

// A forger makes a forged PTB.
type forger func(random *rand.Rand, m *classify.Message)

// forgeAny names a random router, client and port.
func forgeAny(random *rand.Rand, m *classify.Message) {
	n := random.Uint64()
	fill(m, address(random.Uint32()), netip.AddrPortFrom(address(uint32(n)), uint16(n>>32)))
}

// forgeRouter speaks for the real router about random clients and ports.
func forgeRouter(random *rand.Rand, m *classify.Message) {
	n := random.Uint64()
	fill(m, realRouter, netip.AddrPortFrom(address(uint32(n)), uint16(n>>32)))
}

// forgeClient names a random router and the first real client, with random ports
// on both sides: policy.ports takes all by default.
func forgeClient(random *rand.Rand, m *classify.Message) {
	n := random.Uint64()
	fillFrom(m, address(uint32(n)), uint16(n>>48), netip.AddrPortFrom(client(0), uint16(n>>32)))
}

// forgeServed does the same, but names the served port: of such flows there are
// no more than 65 536.
func forgeServed(random *rand.Rand, m *classify.Message) {
	n := random.Uint64()
	fill(m, address(uint32(n)), netip.AddrPortFrom(client(0), uint16(n>>32)))
}
