package deliver

import (
	"net/netip"
	"testing"

	"ptbrelay/classify"
)

// What is built is whole and right, and says what it should.
func TestTooBig(t *testing.T) {
	const length, mtu = 1500, 1499
	for f, vip := range map[classify.Family]string{classify.IPv4: "198.51.100.129:5000", classify.IPv6: "[2001:db8:3::1]:5000"} {
		client := netip.AddrPortFrom(documentation[f][0], discard)
		flow := classify.MakeFlow(classify.UDP, netip.MustParseAddrPort(vip), client)
		packet := tooBig(flow, length, mtu)
		var d classify.Decoder
		m, verdict := d.Decode(packet)
		if verdict != classify.Eligible || len(m.Packet) != len(packet) {
			t.Errorf("%v: %v, %d of %d bytes", f, verdict, len(m.Packet), len(packet))
		}
		if m.Flow != flow || m.MTU != mtu || m.QuoteLength != length || m.VIP != flow.VIP() || m.Router != flow.Client() {
			t.Errorf("%v: it says %+v of %v", f, m, m.Flow)
		}
	}
}
