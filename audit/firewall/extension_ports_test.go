package firewall

import "testing"

func TestPorts(t *testing.T) {
	udp := func(invert byte, bounds ...uint16) []byte { return append(host16(bounds...), invert, 0, 0, 0) }
	tcp := func(invert byte, flags byte, bounds ...uint16) []byte {
		return append(host16(bounds...), 0, flags, flags, invert)
	}
	to443 := append(unknown(2), constant(443>>8, 443&0xff)...)
	for _, c := range []struct {
		what, name string
		info       []byte
		segment    segment
		want       match
	}{
		{"any UDP", "udp", udp(0, 0, 0xffff, 0, 0xffff), segment{protocol: protocolUDP}, yes},
		{"any UDP", "udp", udp(0, 0, 0xffff, 0, 0xffff), segment{protocol: protocolTCP}, no},
		{"any UDP", "udp", udp(0, 0, 0xffff, 0, 0xffff), segment{}, maybe},
		{"to 443", "udp", udp(0, 0, 0xffff, 443, 443), segment{protocol: protocolUDP, ports: to443}, yes},
		{"to 443", "udp", udp(0, 0, 0xffff, 443, 443), segment{protocol: protocolUDP}, maybe},
		{"not to 443", "udp", udp(2, 0, 0xffff, 443, 443), segment{protocol: protocolUDP, ports: to443}, no},
		{"from 443", "udp", udp(0, 443, 443, 0, 0xffff), segment{protocol: protocolUDP, ports: to443}, maybe},
		{"to 1:1023", "tcp", tcp(0, 0, 0, 0xffff, 1, 1023), segment{protocol: protocolTCP, ports: to443}, yes},
		{"to 1024:", "tcp", tcp(0, 0, 0, 0xffff, 1024, 0xffff), segment{protocol: protocolTCP, ports: to443}, no},
		{"SYN", "tcp", tcp(0, 2, 0, 0xffff, 1, 1023), segment{protocol: protocolTCP, ports: to443}, maybe},
		{"cut", "tcp", make([]byte, 8), segment{protocol: protocolUDP}, maybe},
	} {
		r := segmentRun(false, c.segment, 0)
		if got := decodeExtension(c.name, 0, c.info).eval(&r); got != c.want {
			t.Errorf("%s (%s) of %+v: %v, want %v", c.name, c.what, c.segment, got, c.want)
		}
	}
}
