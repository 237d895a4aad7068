package check

import (
	"net/netip"
	"testing"

	"ptbrelay/audit/firewall"
	"ptbrelay/audit/host"
)

func TestShellWord(t *testing.T) {
	for s, want := range map[string]string{
		"eth0.100": "eth0.100",
		"":         "''",
		"$(id)":    "'$(id)'",
		"a'b":      `'a'\''b'`,
		"x;y&z":    "'x;y&z'",
		"ü":        "'ü'",
	} {
		if got := shellWord(s); got != want {
			t.Errorf("%q is written %s, want %s", s, got, want)
		}
	}
}

// What a command names is never more than a name.
func TestCommandsQuote(t *testing.T) {
	const odd = "$(id)"
	if got, want := sysctlCommand(0, setting{path: "net/ipv4/conf/" + odd + "/rp_filter"}), "sysctl -w 'net.ipv4.conf.$(id).rp_filter=0'"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := addLocal(netip.MustParseAddr("2001:db8::1"), host.Link{Name: odd}), "ip -6 route add local 2001:db8::1 dev '$(id)' table local proto kernel"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := hop(netip.Addr{}, shellWord(odd)); got != "dev '$(id)'" {
		t.Errorf("%s", got)
	}
	drops := filtered{Outcome: firewall.Outcome{Rule: "inet filter " + odd + ", rule 1 (handle 2)"}, entrances: []entrance{{}}}
	if got := drops.accept(); got != "" {
		t.Errorf("%s: nft has no way to write that name", got)
	}
}
