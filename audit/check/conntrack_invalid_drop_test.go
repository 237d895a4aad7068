package check

import (
	"io/fs"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/audit/firewall"
	"ptbrelay/audit/host"
)

const noneForState = "nftables: nothing drops PTBs just because conntrack calls them invalid (IPv4 and IPv6)"

func TestConntrackInvalidDrop(t *testing.T) {
	const (
		input = "inet filter input, rule 1 (handle 4)"
		later = "inet filter input, policy"
		why   = " are dropped: harmless where the flow is another server's, " +
			"but where conntrack does not know the owner's flows, as by notrack for the VIP's traffic, every PTB dies at the owner too."
	)
	invalid4, invalid6 := firewall.PTB{State: firewall.Invalid}, firewall.PTB{State: firewall.Invalid, IPv6: true}
	related4, related6 := firewall.PTB{State: firewall.Related}, firewall.PTB{State: firewall.Related, IPv6: true}
	drop, may := dropping(firewall.Drops, input, "ct state invalid drop"), dropping(firewall.MayDrop, input, "ct state invalid … drop")
	mend4 := "nft 'insert rule inet filter input icmp type destination-unreachable icmp code frag-needed accept'"
	all := []Finding{{Severity: OK, Read: noneForState}}
	tests := map[string]struct {
		outcomes outcomes
		want     []Finding
	}{
		"nothing": {nil, all},
		"both families": {
			outcomes{invalid4: drop, invalid6: drop},
			[]Finding{{Severity: Warning, Subject: input, Read: input + ": ct state invalid drop", Why: "PTBs that conntrack calls invalid (IPv4 and IPv6)" + why,
				Mend: "nft 'insert rule inet filter input icmp type destination-unreachable icmp code frag-needed accept; " +
					"insert rule inet filter input icmpv6 type packet-too-big accept'"}}},
		"one family": {
			outcomes{invalid4: drop},
			[]Finding{{Severity: Warning, Subject: input, Read: input + ": ct state invalid drop", Why: "PTBs that conntrack calls invalid (IPv4)" + why, Mend: mend4}}},
		"perhaps": {
			outcomes{invalid4: may},
			[]Finding{{Severity: Info, Subject: input, Read: input + ": ct state invalid … drop",
				Why: "It looks like a rule that may drop PTBs just because conntrack calls them invalid (IPv4), which cannot be told for certain: look at it."}}},
		"what drops related ones too is icmp-filtered's": {
			outcomes{invalid4: drop, related4: dropping(firewall.Drops, later, "drop"), invalid6: drop, related6: drop}, all},
		"what may drop either is icmp-filtered's": {
			outcomes{invalid4: may, related4: may}, all},
		"what may drop related ones is another rule": {
			outcomes{invalid4: drop, related4: dropping(firewall.MayDrop, later, "drop")},
			[]Finding{{Severity: Warning, Subject: input, Read: input + ": ct state invalid drop", Why: "PTBs that conntrack calls invalid (IPv4)" + why, Mend: mend4}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, invalidDropped(tt.outcomes.fate, bothFamilies, nil, func(bool) notracked { return notracked{} })); diff != "" {
				t.Errorf("wanted (-), found (+):\n%s", diff)
			}
		})
	}
}

// Where conntrack is told to pass over a service, its PTBs die at the owner.
func TestConntrackInvalidDropNotracked(t *testing.T) {
	const input, raw = "ip filter INPUT, rule 1 (handle 4)", "ip raw PREROUTING, rule 2 (handle 9)"
	drops := outcomes{{State: firewall.Invalid}: dropping(firewall.Drops, input, "ct state invalid drop")}
	mend := "nft 'insert rule ip filter INPUT icmp type destination-unreachable icmp code frag-needed accept'"
	of := func(l firewall.Likelihood) notracked {
		return notracked{firewall.Deed{Likelihood: l, Rule: raw, Text: "notrack"}, "TCP of 192.0.2.1"}
	}
	found := func(severity Severity, why string) []Finding {
		return []Finding{{Severity: severity, Subject: input, Read: input + ": ct state invalid drop; " + raw + ": notrack", Why: why, Mend: mend}}
	}
	surely := "Rules have conntrack pass over TCP of 192.0.2.1, so it calls every PTB about that invalid, and PTBs that it calls invalid (IPv4) " +
		"are dropped: this host learns no path MTU of it."
	perhaps := "PTBs that conntrack calls invalid (IPv4) are dropped: harmless where the flow is another server's, " +
		"but where conntrack does not know the owner's flows, as by notrack for the VIP's traffic, every PTB dies at the owner too. " +
		"It looks like such a rule may be there, for TCP of 192.0.2.1."
	for name, tt := range map[string]struct {
		fate   outcomes
		v4, v6 firewall.Likelihood
		want   []Finding
	}{
		"surely":                      {drops, firewall.Surely, firewall.Never, found(Error, surely)},
		"perhaps":                     {drops, firewall.Perhaps, firewall.Never, found(Warning, perhaps)},
		"nothing is dropped":          {nil, firewall.Surely, firewall.Surely, []Finding{{Severity: OK, Read: noneForState}}},
		"perhaps, the other's surely": {drops, firewall.Perhaps, firewall.Surely, found(Warning, perhaps)},
	} {
		t.Run(name, func(t *testing.T) {
			got := invalidDropped(tt.fate.fate, bothFamilies, nil, func(ipv6 bool) notracked {
				if ipv6 {
					return of(tt.v6)
				}
				return of(tt.v4)
			})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("wanted (-), found (+):\n%s", diff)
			}
		})
	}
}

// It is asked for TCP and UDP of each VIP of the family, and of what sockets take.
func TestServices(t *testing.T) {
	vip4, vip6 := prefix("192.0.2.1/32"), prefix("2001:db8:ffff::1/128")
	of := func(vip netip.Prefix, more ...firewall.Service) []firewall.Service {
		return append([]firewall.Service{{VIP: vip}, {VIP: vip, UDP: true}}, more...)
	}
	listening := func(udp bool, local string) func(*Facts) {
		return func(f *Facts) {
			f.Listeners = read([]host.Listener{{UDP: udp, Local: netip.MustParseAddrPort(local)}})
		}
	}
	for name, tt := range map[string]struct {
		change func(*Facts)
		ipv6   bool
		want   []firewall.Service
	}{
		"IPv4":                   {func(*Facts) {}, false, of(vip4, firewall.Service{VIP: vip4, Port: 443})},
		"IPv6, a socket of IPv4": {func(*Facts) {}, true, of(vip6)},
		"all of both families":   {listening(true, "[::]:53"), false, of(vip4, firewall.Service{VIP: vip4, UDP: true, Port: 53})},
		"the VIP":                {listening(true, "[2001:db8:ffff::1]:53"), true, of(vip6, firewall.Service{VIP: vip6, UDP: true, Port: 53})},
		"another address":        {listening(false, "198.51.100.5:22"), false, of(vip4)},
		"no sockets known":       {func(f *Facts) { f.Listeners = Fact[[]host.Listener]{Err: errRead} }, false, of(vip4)},
		"no VIPs known":          {func(f *Facts) { f.Expect.VIPs, f.Routes.Err, f.Listeners.Value = nil, errRead, nil }, true, of(prefix("::/0"))},
		"no VIPs of that family": {func(f *Facts) { f.Expect.VIPs, f.Listeners.Value = prefixes("2001:db8:ffff::1/128"), nil }, false, of(prefix("0.0.0.0/0"))},
		"of all that are on lo":  {func(f *Facts) { f.Expect.VIPs, f.Listeners.Value = nil, nil }, false, of(vip4)},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts()
			tt.change(f)
			if got := f.services(tt.ipv6); !slices.Equal(got, tt.want) {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
	f := facts()
	for port := range uint16(1000) {
		f.Listeners.Value = append(f.Listeners.Value, host.Listener{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), port+1)})
	}
	if got := f.services(false); len(got) != mostServices {
		t.Errorf("asked for %d services of many", len(got))
	}
}

func TestServiceName(t *testing.T) {
	for want, s := range map[string]firewall.Service{
		"TCP":                           {VIP: prefix("0.0.0.0/0")},
		"TCP of 192.0.2.1":              {VIP: prefix("192.0.2.1/32")},
		"UDP port 53 of 192.0.2.0/24":   {VIP: prefix("192.0.2.0/24"), UDP: true, Port: 53},
		"TCP port 443 of 2001:db8::/32": {VIP: prefix("2001:db8::/32"), Port: 443},
	} {
		if got := serviceName(s); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestConntrackInvalidDropFacts(t *testing.T) {
	f := facts()
	expect(t, "conntrack-invalid-drop", f, Finding{Severity: OK,
		Read: "nftables: nothing drops PTBs just because conntrack calls them invalid (IPv4 and IPv6, by eth0)"})

	f.Firewall.Value.Legacy = []string{"ip raw"}
	expect(t, "conntrack-invalid-drop", f, Finding{Severity: Unknown, Read: "iptables-legacy has tables that netlink does not show: ip raw",
		Why: "Whether their rules drop PTBs is not known: look at them with iptables-legacy-save and ip6tables-legacy-save."})

	f.Firewall = Fact[firewall.Ruleset]{Err: fs.ErrPermission}
	expect(t, "conntrack-invalid-drop", f, Finding{Severity: Unknown, Read: "permission denied",
		Why: "Whether the packet filter drops PTBs that conntrack calls invalid is not known.", Mend: "sudo ptbrelay doctor"})
}
