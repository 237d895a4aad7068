package firewall

import (
	"encoding/binary"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// marked are the bits of marks that the fixture's rules make, and whether of the ECN
// bits: in IPv4 those of iptables' rules, in IPv6 those of nft's.
var marked = []struct {
	what string
	ipv6 bool
	bit  uint32
	want string
}{
	{"by DSCP", false, 0x1, "never"},
	{"by tos", false, 0x2, "surely: ip mangle PREROUTING, rule 2: tos & 0x03 == 0x02 MARK --set-xmark 0x2/0x2"},
	{"by ecn", false, 0x4, "surely: ip mangle PREROUTING, rule 3: meta l4proto tcp tos & 0x03 == 0x02 MARK --set-xmark 0x4/0x4"},
	{"by TCP's ECN bits", false, 0x8, "never"},
	{"a connection's first packet only", false, 0x10, "never"},
	{"by u32", false, 0x20, "perhaps: ip mangle PREROUTING, rule 6: u32 … MARK --set-xmark 0x20/0x20"},
	{"by statistic", false, 0x40, "never"},
	{"below a rule by tos", false, 0x80, "surely: ip mangle OUTPUT, rule 2: tos & 0x03 == 0x01 goto classify"},
	{"after it is routed", false, 0x100, "never"},
	{"by the connection", false, 0x200, "surely: ip mangle FORWARD, rule 1: tos & 0x03 != 0x00 CONNMARK --set-xmark 0x200/0x200"},
	{"by nobody", false, 0x400, "never"},
	{"before a chain of type route", false, 0x1000, "surely: ip raw OUTPUT, rule 1: tos & 0x03 == 0x03 MARK --set-xmark 0x1000/0x1000"},
	{"by DSCP", true, 0x1, "never"},
	{"by ecn and port", true, 0x2, "surely: ip6 qos prerouting, rule 2: @nh,8,8 0x30 meta l4proto udp th dport 443 meta mark set meta mark & 0xfffffffd ^ 0x2"},
	{"taken where it was not", true, 0x4, "never"},
	{"of a map by DSCP", true, 0x20, "never"},
	{"all before a rule by ecn", true, 0x40, "never"},
	{"after those of a rule by ecn", true, 0x80, "surely: ip6 qos prerouting, rule 7: @nh,8,24 & 0x0fffff == 0x000007 meta mark set meta mark & 0xffffff7f ^ 0x80"},
	{"of the byte's ECN bits", true, 0x100, "surely: ip6 qos output, rule 3: @nh,0,16 & 0x0fc0 == 0x0c00 meta mark set @nh,0,16 & 0x0ff0 >> 4"},
	{"of the byte's DSCP bits", true, 0x400, "never"},
	{"of a hash", true, 0x1000, "never"},
	{"behind chains of type route", true, 0x4000, "never"},
	{"by the connection", true, 0x10000, "surely: ip6 qos third, rule 1: @nh,8,8 & 0x30 == 0x10 ct mark set 0x10000"},
}

func describeDeed(d Deed) string {
	text := [...]string{Never: "never", Perhaps: "perhaps", Surely: "surely"}[d.Likelihood]
	if d.Rule != "" {
		text += ": " + handle.ReplaceAllString(d.Rule, "") + ": " + d.Text
	}
	return text
}

func TestMarks(t *testing.T) {
	r, err := read(tapes(t)["marks"])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range marked {
		if got := describeDeed(r.Marks(c.ipv6).ByECN(c.bit, c.bit)); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.what, got, c.want)
		}
	}
}

// Systems' own packet filters, of which most mark packets, make no mark of ECN bits.
func TestMarksOfSystems(t *testing.T) {
	for name, p := range tapes(t) {
		if name == "marks" {
			continue
		}
		r, err := read(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, ipv6 := range []bool{false, true} {
			m := r.Marks(ipv6)
			for bit := range 32 {
				if d := m.ByECN(1<<bit, 1<<bit); d.Likelihood != Never {
					t.Errorf("%s, IPv6 %v, mark %#x: %s", name, ipv6, 1<<bit, describeDeed(d))
				}
			}
		}
	}
}

// What a mark of the whole byte decides, by its value and mask.
func TestMarksOfTheWholeByte(t *testing.T) {
	g := newGround(t)
	hooked{nftables.TableFamilyIPv4, nftables.ChainHookPrerouting, -150, false, [][]expr.Any{{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 1, Len: 1},
		&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1},
	}}, nil}.load(g.conn, "mangle")
	g.do(g.conn.Flush)
	m := g.read().Marks(false)
	for _, c := range []struct {
		value, mask [4]byte // in the host's order
		want        Likelihood
	}{
		{[4]byte{0x02}, [4]byte{0xff}, Surely},
		{[4]byte{0x02}, [4]byte{0x02}, Surely},
		{[4]byte{0xb8}, [4]byte{0xfc}, Never},
		{[4]byte{0x00}, [4]byte{0xff}, Surely},
		{[4]byte{0xb8, 1}, [4]byte{0xff, 1}, Never}, // the others are 0
	} {
		if d := m.ByECN(binary.NativeEndian.Uint32(c.value[:]), binary.NativeEndian.Uint32(c.mask[:])); d.Likelihood != c.want {
			t.Errorf("mark %#x of %#x: %s", c.value, c.mask, describeDeed(d))
		}
	}
	if d := g.read().Marks(true).ByECN(^uint32(0), ^uint32(0)); d != (Deed{}) {
		t.Errorf("IPv6: %+v", d)
	}
}
