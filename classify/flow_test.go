package classify_test

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"testing"

	"ptbrelay/classify"
)

func TestFlow(t *testing.T) {
	tests := []struct {
		protocol    classify.Protocol
		vip, client string
		text        string
		packed      string
	}{
		{
			classify.TCP, "192.0.2.1:443", "203.0.113.9:5000",
			"tcp 192.0.2.1:443 > 203.0.113.9:5000",
			"00000000000000000000ffffc0000201" + "00000000000000000000ffffcb007109" + "01bb" + "1388" + "06",
		}, {
			classify.UDP, "[2001:db8:ffff::1]:53", "[2001:db8:c::9]:65535",
			"udp [2001:db8:ffff::1]:53 > [2001:db8:c::9]:65535",
			"20010db8ffff00000000000000000001" + "20010db8000c00000000000000000009" + "0035" + "ffff" + "11",
		}, {
			50, "192.0.2.1:0", "203.0.113.9:0",
			"50 192.0.2.1:0 > 203.0.113.9:0",
			"00000000000000000000ffffc0000201" + "00000000000000000000ffffcb007109" + "0000" + "0000" + "32",
		},
	}
	for _, test := range tests {
		vip, client := netip.MustParseAddrPort(test.vip), netip.MustParseAddrPort(test.client)
		f := classify.MakeFlow(test.protocol, vip, client)
		if got := f.String(); got != test.text {
			t.Errorf("String() = %q, want %q", got, test.text)
		}
		if got := hex.EncodeToString(f[:]); got != test.packed {
			t.Errorf("%v packed is\n%s, want\n%s", f, got, test.packed)
		}
		if got := netip.AddrPortFrom(f.VIP(), f.VIPPort()); got != vip {
			t.Errorf("%v: VIP side %v", f, got)
		}
		if got := netip.AddrPortFrom(f.Client(), f.ClientPort()); got != client {
			t.Errorf("%v: client side %v", f, got)
		}
		if got := f.Protocol(); got != test.protocol {
			t.Errorf("%v: protocol %v", f, got)
		}
	}
}

// Two flows of the same values are one key, and each field is part of it.
func TestFlowIsAKey(t *testing.T) {
	build := func(p classify.Protocol, vip, client string) classify.Flow {
		return classify.MakeFlow(p, netip.MustParseAddrPort(vip), netip.MustParseAddrPort(client))
	}
	flow := build(classify.TCP, "192.0.2.1:443", "203.0.113.9:5000")
	if again := build(classify.TCP, "192.0.2.1:443", "203.0.113.9:5000"); flow != again {
		t.Errorf("%v != %v", flow, again)
	}
	if mapped := build(classify.TCP, "[::ffff:192.0.2.1]:443", "[::ffff:203.0.113.9]:5000"); flow != mapped {
		t.Errorf("%v differs from its v4-mapped form", flow)
	}
	for _, other := range []classify.Flow{
		build(classify.UDP, "192.0.2.1:443", "203.0.113.9:5000"),
		build(classify.TCP, "192.0.2.2:443", "203.0.113.9:5000"),
		build(classify.TCP, "192.0.2.1:444", "203.0.113.9:5000"),
		build(classify.TCP, "192.0.2.1:443", "203.0.113.8:5000"),
		build(classify.TCP, "192.0.2.1:443", "203.0.113.9:5001"),
		build(classify.TCP, "203.0.113.9:5000", "192.0.2.1:443"),
	} {
		if flow == other {
			t.Errorf("%v == %v", flow, other)
		}
	}
}

func TestKey(t *testing.T) {
	vip, client := netip.MustParseAddrPort("192.0.2.1:443"), netip.MustParseAddrPort("203.0.113.9:5000")
	m := classify.Message{MTU: 0x01020304, Flow: classify.MakeFlow(classify.TCP, vip, client)}
	k := m.Key()
	if flow := classify.Flow(k[:len(m.Flow)]); flow != m.Flow || !bytes.Equal(k[len(flow):], []byte{1, 2, 3, 4}) {
		t.Errorf("key of %v and %#x is % x", m.Flow, m.MTU, k)
	}
	if got := hex.EncodeToString(k[37:]); got != "01020304" {
		t.Errorf("MTU packed is %s, want big endian", got)
	}
	same := classify.Message{MTU: 0x01020304, Flow: classify.MakeFlow(classify.TCP, vip, client)}
	if same.Key() != k {
		t.Error("messages of the same flow and MTU have different keys")
	}
	same.MTU++
	if same.Key() == k {
		t.Error("messages of different MTUs have one key")
	}
}
