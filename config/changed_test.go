package config

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/classify"
)

func TestEveryKeyHasAReloadDecision(t *testing.T) {
	c := Default()
	for _, l := range leaves(&c) {
		if l.reload != reloadLive && l.reload != "restart" {
			t.Errorf("%s: reload tag %q", l.path, l.reload)
		}
	}
}

func TestLiveKeys(t *testing.T) {
	c := Default()
	var live []string
	for _, l := range leaves(&c) {
		if l.reload == reloadLive && !strings.HasPrefix(l.path, "relay.limits.") {
			live = append(live, l.path)
		}
	}
	want := []string{"vips", "policy.protocols", "policy.ports", "policy.mtu.min4", "policy.mtu.min6", "policy.mtu.max",
		"policy.strict", "relay.dry_run", "udp.deliver", "peers.static", "peers.file", "peers.dns.name", "peers.dns.refresh", "rules.node_guard", "log.level"}
	if d := cmp.Diff(want, live); d != "" {
		t.Error(d)
	}
}

func TestChanged(t *testing.T) {
	old, next := Default(), Default()
	if got := Changed(old, next); got == nil || len(got) > 0 {
		t.Errorf("nothing changed, got %#v", got)
	}
	old.Interfaces = []string{}
	next.VIPs = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::/64")}
	next.Relay.Limits.Node = 2000
	next.Peers.Static = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.2:0"), netip.MustParseAddrPort("[2001:db8::2]:7000")}
	next.Capture.Buffer = 16 * MiB
	next.HTTP.Listen = ""
	want := []string{
		`vips: [] -> ["192.0.2.1", "2001:db8::/64"]`,
		`relay.limits.node: 1000 -> 2000`,
		`peers.static: [] -> ["192.0.2.2", "[2001:db8::2]:7000"]`,
		`capture.buffer: 8MiB -> 16MiB`,
		`http.listen: "localhost:7690" -> ""`,
	}
	if d := cmp.Diff(want, Changed(old, next)); d != "" {
		t.Error(d)
	}
}

func TestKeepRestartKeys(t *testing.T) {
	old, next := Default(), Default()
	old.Interfaces = []string{"eth0"}
	next.Interfaces = []string{"eth1", "eth2"}
	next.Policy.Ports = []uint16{443}
	next.Peers.Static = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.2:0")}
	next.Log = Log{Level: LevelDebug, Format: FormatJSON}
	got := KeepRestartKeys(old, next)

	want := Default()
	want.Interfaces = []string{"eth0"}
	want.Policy.Ports = []uint16{443}
	want.Peers.Static = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.2:0")}
	want.Log.Level = LevelDebug
	if d := diff(want, got); d != "" {
		t.Error(d)
	}
	got.Interfaces[0], got.Policy.Ports[0], got.Peers.Static[0] = "lo", 1, netip.AddrPort{}
	if old.Interfaces[0] != "eth0" || next.Interfaces[0] != "eth1" || next.Policy.Ports[0] != 443 || !next.Peers.Static[0].IsValid() {
		t.Error("the result shares a list with an argument")
	}
}

func TestLongValuesAreCut(t *testing.T) {
	old, next := Default(), Default()
	for range 1000 {
		next.Policy.Ports = append(next.Policy.Ports, 443)
	}
	got := Changed(old, next)
	if len(got) != 1 || len(got[0]) > 300 || !strings.HasSuffix(got[0], "...") {
		t.Errorf("got %q", got)
	}
}

func TestPolicy(t *testing.T) {
	local := []netip.Prefix{netip.MustParsePrefix("198.51.100.1/32")}
	c := Default()
	want := classify.Policy{
		Protocols: classify.Protocols(classify.TCP, classify.UDP),
		VIPs:      classify.Prefixes(netip.MustParsePrefix("198.51.100.1/32")),
		MinMTU4:   576, MinMTU6: 1280, MaxMTU: 1500,
	}
	all := cmp.Exporter(func(reflect.Type) bool { return true })
	if d := cmp.Diff(want, c.ClassifyPolicy(local, 1500), all); d != "" {
		t.Errorf("defaults: %s", d)
	}
	c.VIPs = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	c.Policy = Policy{
		Protocols: []classify.Protocol{classify.SCTP}, Ports: []uint16{443},
		MTU: MTU{Min4: 600, Min6: 1300, Max: 9000}, Strict: true,
	}
	want = classify.Policy{
		Protocols: classify.Protocols(classify.SCTP),
		Ports:     classify.Ports(443),
		VIPs:      classify.Prefixes(netip.MustParsePrefix("192.0.2.0/24")),
		MinMTU4:   600, MinMTU6: 1300, MaxMTU: 9000, Strict: true,
	}
	if d := cmp.Diff(want, c.ClassifyPolicy(local, 1500), all); d != "" {
		t.Errorf("all set: %s", d)
	}
}
