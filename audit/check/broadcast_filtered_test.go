package check

import (
	"io/fs"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/audit/firewall"
	"ptbrelay/audit/host"
)

func TestCopiesDropped(t *testing.T) {
	const (
		input = "inet filter input, rule 3 (handle 12)"
		later = "inet filter input, policy"
	)
	one := firewall.PTB{State: firewall.Related}
	copied := firewall.PTB{State: firewall.Related, Broadcast: true}
	drop, may := dropping(firewall.Drops, input, "meta pkttype broadcast drop"), dropping(firewall.MayDrop, input, "… drop")
	tests := map[string]struct {
		outcomes outcomes
		want     []Finding
	}{
		"nothing": {nil, nil},
		"copies alone": {outcomes{copied: drop}, []Finding{{Severity: Error, Subject: input, Read: input + ": meta pkttype broadcast drop",
			Why:  "It drops PTBs that come in broadcast frames (IPv4), as copies do, so this host does not learn from its peers.",
			Mend: "nft 'insert rule inet filter input icmp type destination-unreachable icmp code frag-needed accept'"}}},
		"copies, perhaps": {outcomes{copied: may}, []Finding{{Severity: Info, Subject: input, Read: input + ": … drop",
			Why: "It looks like a rule that may drop PTBs just because they come in broadcast frames (IPv4), which cannot be told for certain: look at it."}}},
		"what drops others too is icmp-filtered's":       {outcomes{copied: drop, one: dropping(firewall.Drops, later, "drop")}, nil},
		"what may drop others in the same way is so too": {outcomes{copied: may, one: may}, nil},
		"what surely drops copies and perhaps others":    {outcomes{copied: drop, one: dropping(firewall.MayDrop, input, "… drop")}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			found, read := copiesDropped(tt.outcomes.fate, bothFamilies, nil)
			if name == "what surely drops copies and perhaps others" {
				if len(found) != 1 || found[0].Severity != Error {
					t.Errorf("%+v", found)
				}
				return
			}
			if diff := cmp.Diff(tt.want, found); diff != "" {
				t.Errorf("wanted (-), found (+):\n%s", diff)
			}
			if want := "nftables: nothing drops PTBs just because they come in broadcast frames (IPv4 and IPv6)"; read != want {
				t.Errorf("read %q, want %q", read, want)
			}
		})
	}
}

// They come by the interfaces that are named for it, in the families that are spoken.
func TestCopyEntrances(t *testing.T) {
	many := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"}
	for name, tt := range map[string]struct {
		change func(*Facts)
		names  []string
		want   []entrance
	}{
		"one":            {func(*Facts) {}, []string{"eth0"}, []entrance{{name: "eth0", index: eth0}, {ipv6: true, name: "eth0", index: eth0}}},
		"not there":      {func(*Facts) {}, []string{"eth9"}, nil},
		"links not read": {func(f *Facts) { f.Links = Fact[[]host.Link]{Err: errRead} }, []string{"eth9"}, []entrance{{name: "eth9"}, {ipv6: true, name: "eth9"}}},
		"many":           {func(*Facts) {}, many, []entrance{{}, {ipv6: true}}},
		"no IPv6":        {func(f *Facts) { f.Routes.Value.Local = prefixes("192.0.2.1/32") }, []string{"eth0"}, []entrance{{name: "eth0", index: eth0}}},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts()
			tt.change(f)
			if got := f.copyEntrances(tt.names); !slices.Equal(got, tt.want) {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// What could not be read is of no matter to udp.
func TestBroadcastFilteredUnknown(t *testing.T) {
	f := facts()
	f.Firewall = Fact[firewall.Ruleset]{Err: fs.ErrPermission}
	expect(t, "broadcast-dropped", f, Finding{Severity: Unknown, Read: "permission denied", Mend: "sudo ptbrelay doctor",
		Why: "Whether the packet filter drops copies that come in broadcast frames is not known."})
	f.Expect.Transport = UDP
	if found := examine(t, "broadcast-dropped", f); len(found) != 1 || found[0].Severity != OK {
		t.Errorf("with udp: %+v", found)
	}
}
