package integration

import (
	"fmt"
	"strings"
	"testing"

	"ptbrelay/integration/labtest"
)

// Whatever configuration is valid, the tools take its rules.
func TestRulesAccepted(t *testing.T) {
	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, "198.18.%d.%d/31, '2001:db8:%x::/48', ", i/100, 2*(i%100), i)
	}
	configs := map[string]string{
		"default":           "",
		"with a sample":     "audit: {mss: true}\n",
		"last groups":       "capture: {group: 65534}\naudit: {mss: true}\n",
		"least guard":       "rules: {node_guard: 1}\n",
		"odd guard":         "rules: {node_guard: 333333}\n",
		"highest guard":     "rules: {node_guard: 1000000}\n",
		"IPv4 VIP":          "vips: [192.0.2.1]\n",
		"IPv6 VIP":          "vips: ['2001:db8:ffff::1']\naudit: {mss: true}\n",
		"all is a VIP":      "vips: [0.0.0.0/0, '::/0']\n",
		"VIPs in others":    "vips: [192.0.2.1, 192.0.2.0/24, 255.255.255.255, '8000::/1', '2001:db8::1', '2001:db8::/32']\n",
		"two thousand VIPs": "vips: [" + many.String() + "]\n",
	}
	for _, tool := range rulesTools {
		t.Run(tool, func(t *testing.T) {
			x, n := newLoader(t, tool, ""), labtest.Node(t, "host")
			checks := []string{"iptables-restore --test --noflush", "ip6tables-restore --test --noflush"}
			if tool == "nft" {
				checks = []string{"nft --check --file -"}
			}
			for name, config := range configs {
				x.config = writeConfig(t, config)
				for i, text := range x.texts() {
					if code, printed := x.on(n, checks[i], text); code != 0 || printed != "" {
						t.Errorf("%s: %s: exit code %d: %s", name, checks[i], code, printed)
					}
				}
			}
		})
	}
}
