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
	want := []string{"interfaces", "vips", "policy.ports", "relay.transport", "relay.dry_run", "udp.key_file", "peers.static"}
	if set := nonDefault(t, uncommented); !slices.Equal(set, want) {
		t.Errorf("without comment signs it sets %q, want %q", set, want)
	}
}

// nonDefault are the keys that a configuration sets to something of its own.
func nonDefault(t *testing.T, text string) (keys []string) {
	t.Helper()
	c, err := config.Parse(strings.NewReader(text), "config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range config.NonDefault(c) {
		key, _, _ := strings.Cut(line, ":")
		keys = append(keys, key)
	}
	return keys
}
