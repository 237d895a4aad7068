package integration

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"ptbrelay/config"
)

const migratingPage = "docs/migrating.md"

// The configurations that the page makes of another relay's: each begins in dry run,
// keeps off the NFLOG group that the other one has, and is otherwise what its table says.
func TestMigratingConfigurations(t *testing.T) {
	for name, check := range map[string]func(config.Config) bool{
		"cloudflare/pmtud": func(c config.Config) bool {
			return slices.Equal(c.Interfaces, []string{"eth0"}) && c.Relay.Transport == config.TransportBroadcast && c.Capture.Group != 33
		},
		"exaring/pmtud": func(c config.Config) bool {
			return c.Relay.Transport == config.TransportUDP && len(c.Peers.Static) == 3 && c.UDP.KeyFile == "/etc/ptbrelay/key"
		},
	} {
		c := parsed(t, blocks(chapter(t, migratingPage, name), "yaml")[0])
		if !c.Relay.DryRun || !slices.Equal(c.Policy.Ports, []uint16{80, 443}) || len(c.VIPs) != 2 || !check(c) {
			t.Errorf("%s becomes %+v", name, c)
		}
	}
}

// Every key and metric of ptbrelay that the page names is one.
func TestMigratingNames(t *testing.T) {
	text := fileText(t, migratingPage)
	keys := firstGroups(regexp.MustCompile("`((?:relay|policy|udp|peers|capture|rules|http)\\.[a-z0-9_.]+)"), text)
	for _, key := range keys {
		words := strings.Split(key, ".")
		without := strings.Join(words, ": {") + ": null" + strings.Repeat("}", len(words)-1)
		_, err := config.Parse(strings.NewReader(without), migratingPage) // a key wants a value
		if err != nil && strings.Contains(err.Error(), "unknown key") {
			t.Error(err)
		}
	}
	exported := firstGroups(regexp.MustCompile(`(?m)^# TYPE (ptbrelay_\w+) `), goldenMetrics(t))
	metrics := firstGroups(regexp.MustCompile("`(ptbrelay_\\w+)"), text)
	for _, metric := range metrics {
		if !slices.Contains(exported, metric) {
			t.Errorf("%s is not exported", metric)
		}
	}
	if len(keys) < 10 || len(metrics) < 8 {
		t.Errorf("only %d keys and %d metrics found", len(keys), len(metrics))
	}
}
