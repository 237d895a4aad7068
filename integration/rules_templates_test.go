package integration

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The templates are what ptbrelay prints without a configuration.
func TestRulesTemplates(t *testing.T) {
	config := writeConfig(t, "")
	for path, args := range map[string][]string{
		"nftables/ptbrelay.nft":    {"nft"},
		"iptables/ptbrelay.rules4": {"iptables"},
		"iptables/ptbrelay.rules6": {"iptables", "--family", "6"},
	} {
		got := printedRules(t, config, args...)
		if *update {
			writeFile(t, path, got)
		}
		if diff := cmp.Diff(fileText(t, path), got); diff != "" {
			t.Errorf("%s (-update makes it anew) -want +got:\n%s", path, diff)
		}
	}
}
