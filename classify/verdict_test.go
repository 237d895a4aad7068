package classify_test

import (
	"slices"
	"testing"

	"ptbrelay/classify"
)

// The names are metric labels: scripts and alerts rely on each of them.
func TestVerdictNames(t *testing.T) {
	want := []string{
		"not-ip", "truncated", "fragment", "not-ptb", "bad-checksum",
		"quote-truncated", "quote-invalid", "quote-fragment", "quote-protocol",
		"quote-mismatch", "foreign-vip", "foreign-port", "mtu-too-small",
		"mtu-too-large", "quote-fits", "eligible",
	}
	var got []string
	for v := range classify.Verdicts() {
		got = append(got, v.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("verdicts %q, want %q", got, want)
	}
	if len(want) != classify.NumVerdicts {
		t.Errorf("NumVerdicts is %d, want %d", classify.NumVerdicts, len(want))
	}
	if got := classify.Verdict(classify.NumVerdicts).String(); got != "invalid" {
		t.Errorf("beyond the last verdict: %q", got)
	}
	for v := range classify.Verdicts() {
		if v != classify.NotIP {
			t.Errorf("iteration goes on to %v after the loop has ended", v)
		}
		break
	}
}

func TestFamilyNames(t *testing.T) {
	want := []string{"unknown", "ipv4", "ipv6"}
	var got []string
	for f := range classify.Family(classify.NumFamilies) {
		got = append(got, f.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("families %q, want %q", got, want)
	}
	if got := classify.Family(classify.NumFamilies).String(); got != "unknown" {
		t.Errorf("beyond the last family: %q", got)
	}
}

func TestProtocolNames(t *testing.T) {
	for name, p := range map[string]classify.Protocol{"tcp": 6, "udp": 17, "sctp": 132, "dccp": 33} {
		if got := p.String(); got != name {
			t.Errorf("protocol %d is %q, want %q", uint8(p), got, name)
		}
		if got, err := classify.ParseProtocol(name); err != nil || got != p {
			t.Errorf("ParseProtocol(%q) = %v, %v", name, got, err)
		}
	}
	for p := range 256 {
		if got := classify.Protocol(p).String(); got == "" {
			t.Errorf("protocol %d has no name", p)
		}
	}
	if got := classify.Protocol(47).String(); got != "47" {
		t.Errorf("protocol 47 is %q", got)
	}
	for _, name := range []string{"", "TCP", "tcp ", "icmp", "6", "47"} {
		_, err := classify.ParseProtocol(name)
		if err == nil {
			t.Errorf("ParseProtocol(%q) accepts it", name)
			continue
		}
		if name == "icmp" && err.Error() != `unknown protocol "icmp": want tcp, udp, sctp or dccp` {
			t.Errorf("error: %v", err)
		}
	}
}
