package rules

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func prefixes(texts ...string) (p []netip.Prefix) {
	for _, text := range texts {
		p = append(p, netip.MustParsePrefix(text))
	}
	return p
}

// configs are the shapes that the table takes.
var configs = map[string]Config{
	"local": {Group: 33, Guard: 100000},
	"vips": {Group: 40, Guard: 7, VIPs: prefixes(
		"192.0.2.0/25", "192.0.2.128/25", "192.0.2.7/32", "2001:db8:ffff::/64", "2001:db8:ffff::1/128", "255.255.255.255/32")},
	"ipv4 only": {Group: 33, Guard: 100000, VIPs: prefixes("192.0.2.1/32")},
	"ipv6 only": {Group: 33, Guard: 100000, VIPs: prefixes("2001:db8:ffff::1/128", "8000::/1")},
	"sample":    {Group: 33, Guard: 100000, MSS: true},
	"audit":     {Table: "ptbrelay-audit", Group: 40, Guard: 7, VIPs: prefixes("192.0.2.1/32", "2001:db8:ffff::1/128"), MSS: true},
}

var update = flag.Bool("update", false, "write the golden files anew")

// The text is what operators load and diff: it changes only on purpose.
func TestTextGolden(t *testing.T) {
	for name, c := range configs {
		golden(t, name, ".nft", NFTables(c))
	}
	for _, name := range []string{"vips", "ipv6 only", "sample"} {
		golden(t, name, ".rules4", iptablesText(t, configs[name], false))
		golden(t, name, ".rules6", iptablesText(t, configs[name], true))
	}
}

// golden compares a text with its file.
func golden(t *testing.T, name, extension, text string) {
	t.Helper()
	path := filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+extension)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-update makes it anew) -want +got:\n%s", path, diff)
	}
}

func iptablesText(t testing.TB, c Config, ipv6 bool) string {
	t.Helper()
	text, err := IPTables(c, ipv6)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A rule of iptables does nothing but log, return and lead on to another of ours.
func TestIPTablesOnlyLogs(t *testing.T) {
	target := regexp.MustCompile(`^-A ptbrelay\S* .*(-j NFLOG --nflog-group \d+ .*|-j RETURN|-g ptbrelay\S+)$`)
	for name, c := range configs {
		c.Table = ""
		for _, ipv6 := range []bool{false, true} {
			_, table, _ := strings.Cut(iptablesText(t, c, ipv6), "\n*raw\n")
			for line := range strings.Lines(strings.TrimSuffix(table, "COMMIT\n")) {
				line = strings.TrimSuffix(line, "\n")
				if line != "" && !strings.HasPrefix(line, ":ptbrelay") && !strings.HasPrefix(line, "# ") && !target.MatchString(line) {
					t.Errorf("%s: %s", name, line)
				}
			}
		}
	}
}

// iptables counts whole microseconds, so its rates end at a million.
func TestIPTablesGuard(t *testing.T) {
	if _, err := IPTables(Config{Group: 33, Guard: 1_000_001}, false); err == nil || !strings.Contains(err.Error(), "rules.node_guard") {
		t.Errorf("error %v, want one about rules.node_guard", err)
	}
}
