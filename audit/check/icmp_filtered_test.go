package check

import (
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/audit/firewall"
	"ptbrelay/audit/host"
)

const noneDropped = "nftables: nothing drops PTBs of flows that this host owns (IPv4 and IPv6)"

// outcomes are what a fake packet filter makes of PTBs; others pass.
type outcomes map[firewall.PTB]firewall.Outcome

func (o outcomes) fate(p firewall.PTB) firewall.Outcome { return o[p] }

// dropping is an outcome by a rule of that place.
func dropping(fate firewall.Fate, rule, text string) firewall.Outcome {
	return firewall.Outcome{Fate: fate, Rule: rule, Text: text}
}

var bothFamilies = []entrance{{}, {ipv6: true}}

func TestICMPFiltered(t *testing.T) {
	const (
		input   = "inet filter input, rule 3 (handle 12)"
		policy4 = "ip filter INPUT, policy"
		why     = ", so this host learns no path MTU, neither from routers nor from copies."
	)
	related4, related6 := firewall.PTB{State: firewall.Related}, firewall.PTB{IPv6: true, State: firewall.Related}
	tests := map[string]struct {
		outcomes  outcomes
		entrances []entrance
		want      []Finding
	}{
		"nothing": {nil, bothFamilies, []Finding{{Severity: OK, Read: noneDropped}}},
		"only invalid and untracked ones": {
			outcomes{
				{State: firewall.Invalid}:               dropping(firewall.Drops, input, "drop"),
				{State: firewall.Untracked, IPv6: true}: dropping(firewall.Drops, input, "drop"),
			}, bothFamilies, []Finding{{Severity: OK, Read: noneDropped}}},
		"both families by one rule": {
			outcomes{related4: dropping(firewall.Drops, input, "drop"), related6: dropping(firewall.Drops, input, "drop")}, bothFamilies,
			[]Finding{{Severity: Error, Subject: input, Read: input + ": drop", Why: "It drops every PTB (IPv4 and IPv6)" + why,
				Mend: "nft 'insert rule inet filter input icmp type destination-unreachable icmp code frag-needed accept; " +
					"insert rule inet filter input icmpv6 type packet-too-big accept'"}}},
		"one family by a policy": {
			outcomes{related4: dropping(firewall.Drops, policy4, "drop")}, bothFamilies,
			[]Finding{{Severity: Error, Subject: policy4, Read: policy4 + ": drop", Why: "It drops every PTB (IPv4)" + why,
				Mend: "nft 'insert rule ip filter INPUT icmp type destination-unreachable icmp code frag-needed accept'"}}},
		"each family by a rule of its own": {
			outcomes{related4: dropping(firewall.Drops, policy4, "drop"), related6: dropping(firewall.MayDrop, input, "… drop")}, bothFamilies,
			[]Finding{
				{Severity: Error, Subject: policy4, Read: policy4 + ": drop", Why: "It drops every PTB (IPv4)" + why,
					Mend: "nft 'insert rule ip filter INPUT icmp type destination-unreachable icmp code frag-needed accept'"},
				{Severity: Info, Subject: input, Read: input + ": … drop",
					Why: "It looks like a rule that may drop PTBs of flows that this host owns (IPv6), which cannot be told for certain: look at it."}}},
		"a family that is not spoken": {
			outcomes{related6: dropping(firewall.Drops, input, "drop")}, []entrance{{}},
			[]Finding{{Severity: OK, Read: "nftables: nothing drops PTBs of flows that this host owns (IPv4)"}}},
		"only the other family": {
			outcomes{related6: dropping(firewall.Drops, input, "drop")}, []entrance{{ipv6: true}},
			[]Finding{{Severity: Error, Subject: input, Read: input + ": drop", Why: "It drops every PTB (IPv6)" + why,
				Mend: "nft 'insert rule inet filter input icmpv6 type packet-too-big accept'"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, allDropped(tt.outcomes.fate, tt.entrances, nil)); diff != "" {
				t.Errorf("wanted (-), found (+):\n%s", diff)
			}
		})
	}
}

// TestICMPFilteredLegacy: tables that cannot be read are unknown, unless they are of
// a family that is not spoken; a rule that drops for certain is told of nevertheless.
func TestICMPFilteredLegacy(t *testing.T) {
	legacy := Finding{Severity: Unknown, Read: "iptables-legacy has tables that netlink does not show: ip filter, ip6 raw",
		Why: "Whether their rules drop PTBs is not known: look at them with iptables-legacy-save and ip6tables-legacy-save."}
	tables := []string{"ip filter", "ip6 raw"}
	may := func(firewall.PTB) firewall.Outcome { return firewall.Outcome{Fate: firewall.MayDrop} }
	if diff := cmp.Diff([]Finding{legacy}, allDropped(may, bothFamilies, tables)); diff != "" {
		t.Errorf("wanted (-), found (+):\n%s", diff)
	}
	passes := outcomes{}.fate
	if found := allDropped(passes, []entrance{{ipv6: true}}, tables[:1]); len(found) != 1 || found[0].Severity != OK {
		t.Errorf("a table of IPv4 on a host without: %+v, want ok", found)
	}
	drops := outcomes{{State: firewall.Related}: dropping(firewall.Drops, "inet filter input, rule 3 (handle 12)", "drop")}
	if found := allDropped(drops.fate, bothFamilies, tables); len(found) != 2 || found[0].Severity != Error || found[1].Severity != Unknown {
		t.Errorf("a rule that drops: %+v, want an error and an unknown", found)
	}
}

// TestICMPFilteredByInterface: what rules say of interfaces that PTBs come in by
// counts, and is told once where it is the same.
func TestICMPFilteredByInterface(t *testing.T) {
	const rule = "inet filter input, rule 3 (handle 12)"
	fate := func(p firewall.PTB) firewall.Outcome {
		if p.Interface == "eth0" {
			return dropping(firewall.Drops, rule, "iifname \"eth0\" … drop")
		}
		return firewall.Outcome{}
	}
	entrances := []entrance{{name: "eth0", index: 2}, {name: "eth1", index: 3}, {ipv6: true, name: "eth0", index: 2}}
	want := []Finding{{Severity: Error, Subject: rule, Read: rule + ": iifname \"eth0\" … drop",
		Why: "It drops every PTB (IPv4 and IPv6, by eth0), so this host learns no path MTU, neither from routers nor from copies.",
		Mend: "nft 'insert rule inet filter input icmp type destination-unreachable icmp code frag-needed accept; " +
			"insert rule inet filter input icmpv6 type packet-too-big accept'"}}
	if diff := cmp.Diff(want, allDropped(fate, entrances, nil)); diff != "" {
		t.Errorf("wanted (-), found (+):\n%s", diff)
	}
}

func TestEntrances(t *testing.T) {
	eth0v4, eth0v6 := entrance{name: "eth0", index: eth0}, entrance{ipv6: true, name: "eth0", index: eth0}
	tests := map[string]struct {
		change func(*Facts)
		want   []entrance
	}{
		"of a healthy host": {func(*Facts) {}, []entrance{eth0v4, eth0v6}},
		"without IPv6": {func(f *Facts) {
			f.Routes.Value.Local = prefixes("127.0.0.0/8", "192.0.2.1/32", "::1/128", "fe80::5/128", "ff00::/8")
		}, []entrance{eth0v4}},
		"with AnyIP prefixes of IPv6 only": {func(f *Facts) {
			f.Routes.Value.Local = prefixes("127.0.0.0/8", "169.254.1.1/32", "2001:db8:ffff::/48")
		}, []entrance{eth0v6}},
		"without addresses": {func(f *Facts) { f.Routes.Value.Local = nil }, nil},
		"where copies are broadcast": {func(f *Facts) {
			f.Links.Value = append(f.Links.Value, host.Link{Index: 3, Name: "eth1", Up: true}, host.Link{Index: 4, Name: "eth2", Up: true})
			f.Expect.Interfaces = []string{"eth1"}
		}, []entrance{eth0v4, {name: "eth1", index: 3}, eth0v6, {ipv6: true, name: "eth1", index: 3}}},
		"by udp": {func(f *Facts) {
			f.Links.Value = append(f.Links.Value, host.Link{Index: 3, Name: "eth1", Up: true})
			f.Expect = Expect{Transport: UDP, Interfaces: []string{"eth1"}}
		}, []entrance{eth0v4, eth0v6}},
		"where none is known to lead anywhere": {func(f *Facts) {
			f.Routes.Value.Ways, f.Routes.Value.Default, f.Expect.Interfaces = nil, nil, nil
		}, []entrance{{}, {ipv6: true}}},
		"where routes could not be read": {func(f *Facts) { f.Routes = Fact[host.Routes]{Err: errRead} }, []entrance{{}, {ipv6: true}}},
		"where there are many": {func(f *Facts) {
			for i := range 20 {
				f.Links.Value = append(f.Links.Value, host.Link{Index: 10 + i, Name: fmt.Sprintf("eth0.%d", i), Up: true})
				f.Routes.Value.Ways = append(f.Routes.Value.Ways, host.Way{Interface: 10 + i, Gateway: netip.MustParseAddr("198.51.100.9")})
			}
		}, []entrance{{}, eth0v6}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := facts()
			tt.change(f)
			if got := f.entrances(); !slices.Equal(got, tt.want) {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestICMPFilteredFacts(t *testing.T) {
	f := facts()
	expect(t, "icmp-filtered", f, Finding{Severity: OK, Read: "nftables: nothing drops PTBs of flows that this host owns (IPv4 and IPv6, by eth0)"})

	f.Firewall.Value.Legacy = []string{"ip raw"}
	expect(t, "icmp-filtered", f, Finding{Severity: Unknown, Read: "iptables-legacy has tables that netlink does not show: ip raw",
		Why: "Whether their rules drop PTBs is not known: look at them with iptables-legacy-save and ip6tables-legacy-save."})

	f.Routes.Value.Local = nil
	expect(t, "icmp-filtered", f, Finding{Severity: OK, Read: "routing tables: no local address that PTBs could come to"})

	f.Firewall = Fact[firewall.Ruleset]{Err: fs.ErrPermission}
	expect(t, "icmp-filtered", f, Finding{Severity: Unknown, Read: "permission denied",
		Why: "Whether the packet filter drops PTBs is not known.", Mend: "sudo ptbrelay doctor"})
}
