package audit

import (
	"net/netip"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

// Neighbours on the link.
var (
	macA = mac{0x02, 0, 0, 0, 0, 0xa}
	macB = mac{0x02, 0, 0, 0, 0, 0xb}
)

// ptb is what the decoder makes of a PTB.
func ptb(t testing.TB, p classifytest.PTB) *classify.Message {
	t.Helper()
	var d classify.Decoder
	m, v := d.Decode(p.Bytes())
	if v != classify.Eligible {
		t.Fatalf("%+v is %v", p, v)
	}
	return m
}

// syn is what the decoder makes of a SYN.
func syn(t testing.TB, b classifytest.SYN) *classify.SYN {
	t.Helper()
	s, ok := classify.DecodeSYN(b.Bytes())
	if !ok {
		t.Fatalf("%+v is no SYN", b)
	}
	return &s
}

// report is what the observations fill in.
func report(o *Observations) *Report {
	r := new(Report)
	o.Fill(r)
	return r
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }
