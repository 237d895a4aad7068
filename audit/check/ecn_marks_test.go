package check

import (
	"fmt"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/audit/firewall"
	"ptbrelay/audit/host"
)

const (
	markedWhy  = "The mark comes of ECN bits. " + twoWays + " Make the mark of DSCP alone."
	perhapsWhy = "It looks like a rule that may make the mark of ECN bits, which cannot be told for certain: look at it. " +
		"They part the SYN of a connection from its data: make the mark of DSCP alone."
)

func TestMarkedByECN(t *testing.T) {
	one := firewall.Deed{Likelihood: firewall.Surely, Rule: "ip mangle OUTPUT, rule 1 (handle 4)", Text: "tos & 0x03 == 0x02 MARK --set-xmark 0x1/0x1"}
	two := firewall.Deed{Likelihood: firewall.Perhaps, Rule: "ip mangle OUTPUT, rule 2 (handle 5)", Text: "u32 … MARK --set-xmark 0x2/0x2"}
	makes := func(value, mask uint32) firewall.Deed {
		switch {
		case value&1 != 0:
			return one
		case value&2 != 0:
			return two
		}
		return firewall.Deed{}
	}
	by := func(priority, value, mask uint32) host.Rule {
		return host.Rule{Priority: priority, Mark: value, MarkMask: mask}
	}
	for name, tt := range map[string]struct {
		rules []host.Rule
		want  []Finding
	}{
		"by no ECN bits": {[]host.Rule{by(100, 4, 0xff)}, nil},
		"by ECN bits": {[]host.Rule{by(100, 1, 0xff), by(101, 4, 0xff)}, []Finding{{Severity: Warning, Subject: "ip rule 100", Why: markedWhy,
			Read: "routing rules: by fwmark 0x1, mask 0xff; ip mangle OUTPUT, rule 1 (handle 4): tos & 0x03 == 0x02 MARK --set-xmark 0x1/0x1"}}},
		"two by one mark": {[]host.Rule{by(100, 1, 0xff), by(101, 1, 0xff)}, []Finding{{Severity: Warning, Subject: "ip rule 100, ip rule 101", Why: markedWhy,
			Read: "routing rules: by fwmark 0x1, mask 0xff; ip mangle OUTPUT, rule 1 (handle 4): tos & 0x03 == 0x02 MARK --set-xmark 0x1/0x1"}}},
		"perhaps": {[]host.Rule{by(100, 2, 0xff)}, []Finding{{Severity: Info, Subject: "ip rule 100", Why: perhapsWhy,
			Read: "routing rules: by fwmark 0x2, mask 0xff; ip mangle OUTPUT, rule 2 (handle 5): u32 … MARK --set-xmark 0x2/0x2"}}},
		"a value outside of its mask": {[]host.Rule{by(100, 0x101, 0x100)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, markedByECN(tt.rules, makes)); diff != "" {
				t.Errorf("wanted (-), found (+):\n%s", diff)
			}
		})
	}
}

// Many marks are not all asked for, and that is told.
func TestMarkedByMany(t *testing.T) {
	var rules []host.Rule
	for i := range uint32(3 * mostMarks) {
		rules = append(rules, host.Rule{Priority: i, Mark: i, MarkMask: 0xffff}, host.Rule{Priority: i, Mark: i, MarkMask: 0xffff})
	}
	asked := 0
	found := markedByECN(rules, func(uint32, uint32) firewall.Deed { asked++; return firewall.Deed{} })
	want := []Finding{{Severity: Unknown, Read: fmt.Sprintf("routing rules: by more than %d marks, of which the first were looked at", mostMarks),
		Why: "Whether the others come of ECN bits is not known."}}
	if diff := cmp.Diff(want, found); diff != "" || asked != mostMarks {
		t.Errorf("asked %d times; wanted (-), found (+):\n%s", asked, diff)
	}
}

// Who may not read the packet filter is told so, where it matters.
func TestECNMarksUnknown(t *testing.T) {
	f := facts()
	f.Firewall = Fact[firewall.Ruleset]{Err: fs.ErrPermission}
	expect(t, "ecn-multipath", f, Finding{Severity: OK, Read: "5 routing rules and 0 routes by TOS: none selects by ECN bits"})
	f.Rules.Value = append(f.Rules.Value, host.Rule{IPv6: true, Priority: 100, Mark: 1, MarkMask: 1})
	expect(t, "ecn-multipath", f, Finding{Severity: Unknown, Read: "permission denied", Mend: "sudo ptbrelay doctor",
		Why: "Whether the marks that routing rules select by (ip -6 rule 100) come of ECN bits is not known."})
}

// Tables of iptables' older kind may make any mark of their family's packets.
func TestECNMarksLegacy(t *testing.T) {
	f := facts()
	f.Firewall.Value.Legacy = []string{"ip filter", "ip mangle"}
	f.Rules.Value = append(f.Rules.Value, host.Rule{IPv6: true, Priority: 100, Mark: 1, MarkMask: 1}, host.Rule{Priority: 100, Mark: 1, MarkMask: 1})
	expect(t, "ecn-multipath", f, Finding{Severity: Info, Subject: "ip rule 100", Why: perhapsWhy,
		Read: "routing rules: by fwmark 0x1, mask 0x1; iptables-legacy ip mangle: not shown by netlink"})
}
