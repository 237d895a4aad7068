package host

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDecodeSocketOfKernel(t *testing.T) {
	d := dumps(t)
	for name, want := range map[string]Socket{
		"socket-ipv4-tcp-listening": {Listening: true, Cookie: 4201},
		"socket-ipv6-tcp-listening": {Listening: true, Cookie: 4205},
		"socket-ipv4-tcp-connected": {Connected: true, PathMTU: 1400, Cookie: 4202}, // a socket of IPv6
		"socket-ipv6-tcp-connected": {Connected: true, PathMTU: 1400, Cookie: 4206},
		"socket-ipv4-tcp-timewait":  {Connected: true, Cookie: 4202},
		"socket-ipv6-tcp-timewait":  {Connected: true, Cookie: 4206},
		"socket-ipv4-udp-bound":     {Cookie: 4203},
		"socket-ipv6-udp-bound":     {Cookie: 4207},
		"socket-ipv4-udp-connected": {Connected: true, Cookie: 4204},
		"socket-ipv6-udp-connected": {Connected: true, Cookie: 4208},
	} {
		vip := uint16(444) // the port of the captured flows' VIP, by family
		if name[len("socket-ipv")] == '6' {
			vip = 446
		}
		if got, err := decodeSocket(d[name], vip, 50000); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, want)
		}
		if got, err := decodeSocket(d[name], vip+1, 50000); err == nil || got != (Socket{}) {
			t.Errorf("%s as of another VIP's port: %+v, %v", name, got, err)
		}
		if got, err := decodeSocket(d[name], vip, 50001); want.Connected == (err == nil) {
			t.Errorf("%s as of another client: %+v, %v", name, got, err)
		}
	}
}

// socketMessage is a struct inet_diag_msg of ports 443 and 50000 and attributes.
func socketMessage(state byte, remote uint16, attributes ...[]byte) []byte {
	b := make([]byte, diagMessageBytes)
	b[0], b[msgState] = unix.AF_INET, state
	binary.BigEndian.PutUint16(b[msgLocalPort:], 443)
	binary.BigEndian.PutUint16(b[msgRemotePort:], remote)
	copy(b[msgCookie:], append(u32(7), u32(9)...))
	for _, a := range attributes {
		b = append(b, a...)
	}
	return b
}

func TestDecodeSocketBroken(t *testing.T) {
	const established, cookie = 1, 9<<32 | 7
	info := func(length int) []byte {
		value := make([]byte, max(length, infoPathMTU+4))
		copy(value[infoPathMTU:], u32(1400))
		return attribute(diagInfo, -1, value[:length]...)
	}
	good := Socket{Connected: true, PathMTU: 1400, Cookie: cookie}
	for _, c := range []struct {
		name    string
		message []byte
		want    Socket
		fails   bool
	}{
		{"good", socketMessage(established, 50000, info(280)), good, false},
		{"longer information", socketMessage(established, 50000, info(400)), good, false},
		{"shortest information", socketMessage(established, 50000, info(infoPathMTU+4)), good, false},
		{"other attributes too", socketMessage(established, 50000, attribute(8, -1, 0), info(280), attribute(17, -1, 1)), good, false},
		{"no information", socketMessage(established, 50000), Socket{Connected: true, Cookie: cookie}, false},
		{"listening", socketMessage(stateListen, 0, info(280)), Socket{Listening: true, Cookie: cookie}, false},
		{"not connected", socketMessage(7, 0), Socket{Cookie: cookie}, false},

		{"empty", nil, Socket{}, true},
		{"cut", socketMessage(established, 50000)[:diagMessageBytes-1], Socket{}, true},
		{"other client", socketMessage(established, 50001, info(280)), Socket{}, true},
		{"information too short", socketMessage(established, 50000, info(infoPathMTU+3)), Socket{}, true},
		{"attribute beyond the message", socketMessage(established, 50000, attribute(diagInfo, 400, 1, 2, 3, 4)), Socket{}, true},
		{"attribute shorter than its header", socketMessage(established, 50000, attribute(diagInfo, 3)), Socket{}, true},
		{"half an attribute header", append(socketMessage(established, 50000), 8, 0), Socket{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := decodeSocket(c.message, 443, 50000); c.fails != (err != nil) || got != c.want {
				t.Errorf("%+v, %v, want %+v, failure %v", got, err, c.want, c.fails)
			}
		})
	}
}

// checkSocket holds for any message, as the answer on the flow that it names.
func checkSocket(t *testing.T, b []byte) {
	t.Helper()
	var local, remote uint16
	if len(b) >= diagMessageBytes {
		local, remote = binary.BigEndian.Uint16(b[msgLocalPort:]), binary.BigEndian.Uint16(b[msgRemotePort:])
	}
	s, err := decodeSocket(b, local, remote)
	switch {
	case err != nil && s != (Socket{}):
		t.Errorf("socket %+v and error %v", s, err)
	case err == nil && (s.Connected != (remote != 0) || s.PathMTU != 0 && !s.Connected):
		t.Errorf("socket %+v", s)
	}
	if other, err := decodeSocket(b, local+1, remote); err == nil {
		t.Errorf("socket %+v is that of another local port", other)
	}
}
