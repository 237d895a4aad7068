package check

import (
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/audit/firewall"
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
			if diff := cmp.Diff(tt.want, invalidDropped(tt.outcomes.fate, bothFamilies, nil)); diff != "" {
				t.Errorf("wanted (-), found (+):\n%s", diff)
			}
		})
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
