package audit

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

// database writes a MaxMind DB with such records and returns its path.
func database(t testing.TB, version int, records map[string]mmdbtype.Map) string {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{
		DatabaseType: "Test", IPVersion: version, IncludeReservedNetworks: true, DisableIPv4Aliasing: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for prefix, record := range records {
		_, network, err := net.ParseCIDR(prefix)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(network, record); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "systems.mmdb")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func record(number uint32, organisation string) mmdbtype.Map {
	return mmdbtype.Map{numberField: mmdbtype.Uint32(number), organisationField: mmdbtype.String(organisation)}
}

func systems(t testing.TB, version int, records map[string]mmdbtype.Map) *Systems {
	t.Helper()
	s, err := OpenSystems(database(t, version, records))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Messages count by the system that announces their source; what no system
// announces is in none.
func TestSystems(t *testing.T) {
	o := NewObservations(systems(t, 6, map[string]mmdbtype.Map{
		"198.51.100.0/25":   record(64496, "Example"),
		"198.51.100.128/25": record(64497, ""),
		"2001:db8:a::/48":   record(64496, "Example"),
		"2001:db8:b::/48":   {numberField: mmdbtype.Uint32(64498)},
		"2001:db8:c::/48":   {organisationField: mmdbtype.String("without a number")},
	}))
	for router, times := range map[string]int{
		"198.51.100.1": 3, "198.51.100.200": 2, "203.0.113.1": 7, "2001:db8:a::1": 13, "2001:db8:b::1": 1, "2001:db8:c::1": 2,
	} {
		p := classifytest.PTB{Router: addr(router), MTU: 1400}
		if p.Router.Is6() {
			p.Family, p.MTU = classify.IPv6, 1280
		}
		m := ptb(t, p)
		for range times {
			o.Observe(m, mac{})
		}
	}
	r := report(o).Networks
	want := []Network{
		{Name: "AS64496 Example", Count: 16, Share: 16. / 28, MTU: 1280},
		{Name: "AS64497", Count: 2, Share: 2. / 28, MTU: 1400},
		{Name: "AS64498", Count: 1, Share: 1. / 28, MTU: 1280},
	}
	if diff := cmp.Diff(want, r.PTBs.Systems); diff != "" {
		t.Error(diff)
	}
	if len(r.SYNs.Systems) != 0 {
		t.Errorf("systems of SYNs: %+v", r.SYNs.Systems)
	}
}

// A database of IPv4 alone knows no IPv6 address, and the report goes on.
func TestSystemsOfIPv4(t *testing.T) {
	o := NewObservations(systems(t, 4, map[string]mmdbtype.Map{"198.51.100.0/24": record(64496, "Example")}))
	o.Observe(ptb(t, classifytest.PTB{Family: classify.IPv6}), macA)
	o.Observe(ptb(t, classifytest.PTB{}), macA)
	n := report(o).Networks.PTBs
	if len(n.Prefixes) != 2 || len(n.Systems) != 1 || n.Systems[0].Name != "AS64496 Example" || n.Systems[0].Share != 0.5 {
		t.Errorf("%+v", n)
	}
}

func TestOpenSystemsRefuses(t *testing.T) {
	garbage := filepath.Join(t.TempDir(), "garbage")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cities := database(t, 6, map[string]mmdbtype.Map{"198.51.100.0/24": {"city": mmdbtype.String("Example")}})
	wrong := database(t, 6, map[string]mmdbtype.Map{"198.51.100.0/24": {numberField: mmdbtype.String("AS64496")}})
	for path, want := range map[string]string{
		filepath.Join(t.TempDir(), "missing"): "no such file",
		t.TempDir():                           "want a regular file",
		garbage:                               "give a file of the MaxMind DB format",
		empty:                                 "give a file of the MaxMind DB format",
		cities:                                "have no autonomous_system_number",
		wrong:                                 wrong,
	} {
		s, err := OpenSystems(path)
		if err == nil || !strings.Contains(err.Error(), want) || s != nil {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

// A file that is cut off anywhere, or has a bit turned over, ends in an error or in
// a report; look-ups never end the process.
func TestBrokenDatabase(t *testing.T) {
	whole, err := os.ReadFile(database(t, 6, map[string]mmdbtype.Map{
		"198.51.100.0/24": record(64496, "Example"), "2001:db8::/32": record(64497, "Other"),
	}))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "broken.mmdb")
	opened := 0
	try := func(data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := OpenSystems(path)
		if err != nil {
			return
		}
		opened++
		o := NewObservations(s)
		o.Observe(ptb(t, classifytest.PTB{}), macA)
		o.Observe(ptb(t, classifytest.PTB{Family: classify.IPv6}), macA)
		if n := report(o).Networks.PTBs.Samples; n != 2 {
			t.Fatalf("%d samples, want 2", n)
		}
	}
	for at := 0; at < len(whole); at += 7 {
		try(whole[:at])
		flipped := append([]byte(nil), whole...)
		flipped[at] ^= 1 << (at % 8)
		try(flipped)
	}
	if opened == 0 {
		t.Error("none could be opened")
	}
}

func TestSystemsDoNotAllocate(t *testing.T) {
	n := newNetworks(systems(t, 6, map[string]mmdbtype.Map{"198.51.100.0/24": record(64496, "Example")}))
	s := sample{source: addr("198.51.100.7").As16(), family: classify.IPv4, mtu: 1400, from: macA}
	if allocs := testing.AllocsPerRun(1000, func() { n.count(&s) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
