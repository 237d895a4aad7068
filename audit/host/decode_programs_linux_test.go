package host

import (
	"encoding/binary"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDecodeXDPOfKernel(t *testing.T) {
	d := dumps(t)
	for name, want := range map[string][]uint32{"link-xdp": {116}, "link-ethernet": nil, "link-loopback": nil} {
		if _, ids, err := decodeXDP(d[name]); err != nil || !slices.Equal(ids, want) {
			t.Errorf("%s: %v, %v, want %v", name, ids, err, want)
		}
	}
	if index, _, err := decodeXDP(d["link-xdp"]); err != nil || index != 3 {
		t.Errorf("link-xdp is link %d, %v, want 3", index, err)
	}
}

func TestDecodeXDPBroken(t *testing.T) {
	xdp := func(attributes ...[]byte) []byte {
		return linkMessage(unix.ARPHRD_ETHER, attribute(unix.IFLA_XDP, -1, slices.Concat(attributes...)...))
	}
	id := func(mode uint16, id uint32) []byte { return attribute(mode, -1, u32(id)...) }
	for _, c := range []struct {
		name    string
		message []byte
		want    []uint32
		fails   bool
	}{
		{"none", xdp(attribute(unix.IFLA_XDP_ATTACHED, -1, 0)), nil, false},
		{"no attribute", linkMessage(unix.ARPHRD_ETHER), nil, false},
		{"driver", xdp(attribute(unix.IFLA_XDP_ATTACHED, -1, 1), id(unix.IFLA_XDP_PROG_ID, 9), id(unix.IFLA_XDP_DRV_PROG_ID, 9)), []uint32{9}, false},
		{"generic and hardware", xdp(id(unix.IFLA_XDP_SKB_PROG_ID, 9), id(unix.IFLA_XDP_HW_PROG_ID, 8)), []uint32{9, 8}, false},
		{"empty", nil, nil, true},
		{"cut", linkMessage(unix.ARPHRD_ETHER)[:unix.SizeofIfInfomsg-1], nil, true},
		{"id of three bytes", xdp(attribute(unix.IFLA_XDP_DRV_PROG_ID, -1, 1, 2, 3)), nil, true},
		{"attribute beyond its nest", xdp(attribute(unix.IFLA_XDP_DRV_PROG_ID, 12, 1, 2, 3, 4)), nil, true},
		{"half an attribute header", xdp([]byte{8, 0}), nil, true},
		{"nest beyond the message", linkMessage(unix.ARPHRD_ETHER, attribute(unix.IFLA_XDP, 12, 1, 2, 3, 4)), nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			index, ids, err := decodeXDP(c.message)
			if c.fails != (err != nil) || !slices.Equal(ids, c.want) || !c.fails && index != 7 {
				t.Errorf("link %d, %v, %v, want %v, failure %v", index, ids, err, c.want, c.fails)
			}
		})
	}
}

func TestDecodeFilterOfKernel(t *testing.T) {
	d := dumps(t)
	for name, want := range map[string]struct {
		program Program
		ok      bool
	}{
		"filters-bpf":        {Program{Kind: "tc ingress", Name: "bpf"}, false},
		"filter-bpf":         {Program{Kind: "tc ingress", Name: "named", ID: 117}, true},
		"filter-bpf-classic": {Program{Kind: "tc ingress", Name: "bpf"}, true},
		"filters-u32":        {Program{Kind: "tc ingress", Name: "u32"}, true},
		"filter-u32":         {Program{Kind: "tc ingress", Name: "u32"}, false},
	} {
		if p, ok, err := decodeFilter(d[name]); err != nil || ok != want.ok || p != want.program {
			t.Errorf("%s: %+v, %v, %v, want %+v", name, p, ok, err, want)
		}
	}
}

func filterMessage(handle uint32, attributes ...[]byte) []byte {
	b := make([]byte, tcmsgBytes)
	binary.NativeEndian.PutUint32(b[tcmHandle:], handle)
	return append(b, slices.Concat(attributes...)...)
}

func TestDecodeFilterBroken(t *testing.T) {
	kind := func(name string) []byte { return attribute(unix.TCA_KIND, -1, append([]byte(name), 0)...) }
	options := func(attributes ...[]byte) []byte {
		return attribute(unix.TCA_OPTIONS, -1, slices.Concat(attributes...)...)
	}
	named := attribute(bpfName, -1, []byte("lb\x00")...)
	id := attribute(bpfID, -1, u32(9)...)
	for _, c := range []struct {
		name    string
		message []byte
		want    Program
		ok      bool
		fails   bool
	}{
		{"BPF", filterMessage(1, kind("bpf"), options(named, id)), Program{Kind: kindTC, Name: "lb", ID: 9}, true, false},
		{"BPF without name", filterMessage(1, kind("bpf"), options(id)), Program{Kind: kindTC, Name: "bpf", ID: 9}, true, false},
		{"BPF without options", filterMessage(1, kind("bpf")), Program{Kind: kindTC, Name: "bpf"}, true, false},
		{"others together", filterMessage(0, kind("flower")), Program{Kind: kindTC, Name: "flower"}, true, false},
		{"one of others", filterMessage(1, kind("flower"), options(named, id)), Program{Kind: kindTC, Name: "flower"}, false, false},
		{"without kind", filterMessage(0), Program{Kind: kindTC}, true, false},
		{"empty", nil, Program{}, false, true},
		{"cut", filterMessage(1)[:tcmsgBytes-1], Program{}, false, true},
		{"id of three bytes", filterMessage(1, kind("bpf"), options(attribute(bpfID, -1, 1, 2, 3))), Program{}, false, true},
		{"attribute beyond its nest", filterMessage(1, kind("bpf"), options(attribute(bpfID, 12, 1, 2, 3, 4))), Program{}, false, true},
		{"kind beyond the message", filterMessage(1, attribute(unix.TCA_KIND, 9, 'b', 'p', 'f', 0)), Program{}, false, true},
		{"half an attribute header", filterMessage(1, kind("bpf"), []byte{8, 0}), Program{}, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, ok, err := decodeFilter(c.message)
			if c.fails != (err != nil) || ok != c.ok || p != c.want {
				t.Errorf("%+v, %v, %v, want %+v, %v, failure %v", p, ok, err, c.want, c.ok, c.fails)
			}
		})
	}
}

// FuzzProgram holds for any message: no panic, an error or programs that make
// sense.
func FuzzProgram(f *testing.F) {
	for _, b := range dumps(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, ids, err := decodeXDP(b)
		if err != nil && ids != nil || len(ids)*8 > len(b) {
			t.Errorf("XDP programs %v of %d bytes, %v", ids, len(b), err)
		}
		p, ok, err := decodeFilter(b)
		switch {
		case err != nil && (ok || p != Program{}):
			t.Errorf("%+v, %v and error %v", p, ok, err)
		case err == nil && (p.Kind != kindTC || p.Interface != 0 || len(p.Name) > len(b)):
			t.Errorf("%+v", p)
		}
	})
}
