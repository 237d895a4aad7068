package integration

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"ptbrelay/config"
)

// The configuration that comes with the packages changes nothing; its keys without their
// comment signs are good ones.
func TestPackageConfig(t *testing.T) {
	t.Parallel()
	text := fileText(t, "packages/config.yaml")
	if set := nonDefault(t, text); len(set) != 0 {
		t.Errorf("as it comes it sets %q", set)
	}
	uncommented := regexp.MustCompile(`(?m)^#((  )?\w)`).ReplaceAllString(text, "$1")
	set := nonDefault(t, uncommented)
	for _, key := range []string{"interfaces", "vips", "policy.ports", "relay.transport", "udp.key_file", "peers.static"} {
		if !slices.Contains(set, key) {
			t.Errorf("without comment signs it sets %q, and not %s", set, key)
		}
	}
}

// nonDefault are the keys that a configuration sets to something of its own.
func nonDefault(t *testing.T, text string) []string {
	t.Helper()
	c, err := config.Parse(strings.NewReader(text), "config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return config.NonDefault(c)
}
