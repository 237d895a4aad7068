package host

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// The rules that a namespace begins with.
var (
	firstRules4 = []Rule{{}, {Priority: 32766}, {Priority: 32767}}
	firstRules6 = []Rule{{IPv6: true}, {IPv6: true, Priority: 32766}}
)

// expectRules compares those between the first and the last of the beginning,
// which are to be there too.
func expectRules(t *testing.T, n *lab.Node, want ...Rule) {
	t.Helper()
	all := slices.Concat(firstRules4, firstRules6, want)
	slices.SortStableFunc(all, func(a, b Rule) int {
		if a.IPv6 != b.IPv6 {
			return map[bool]int{false: -1, true: 1}[a.IPv6]
		}
		return int(a.Priority) - int(b.Priority)
	})
	if d := cmp.Diff(all, readIn(t, n, ReadRules), same); d != "" {
		t.Errorf("-want +ReadRules:\n%s", d)
	}
}

func TestReadRules(t *testing.T) {
	n := labtest.Node(t, "host")
	k := kernel{n.Handle(), t}
	expectRules(t, n)
	mask := uint32(0xff00)
	priority := 0
	var want []Rule
	for _, c := range []struct {
		change func(*netlink.Rule)
		want   Rule
	}{
		{func(r *netlink.Rule) { r.Table = 100 }, Rule{}},
		{func(r *netlink.Rule) { r.Table, r.Tos = 100, 0x10 }, Rule{TOS: 0x10, TOSMask: 0x1c}},
		{func(r *netlink.Rule) { r.Table, r.Tos, r.Family = 100, 0xb8, unix.AF_INET6 }, Rule{IPv6: true, TOS: 0xb8, TOSMask: 0xfc}},
		{func(r *netlink.Rule) { r.Table, r.Mark, r.Mask = 100, 0x1200, &mask }, Rule{Mark: 0x1200, MarkMask: 0xff00}},
		{func(r *netlink.Rule) { r.Table, r.Mark, r.Family = 100, 1, unix.AF_INET6 }, Rule{IPv6: true, Mark: 1, MarkMask: 1<<32 - 1}},
		{func(r *netlink.Rule) { r.Table, r.Mark, r.Invert = 51820, 51820, true }, Rule{Mark: 51820, MarkMask: 1<<32 - 1}},
		{func(r *netlink.Rule) { r.Table, r.Src = 100, ipNet(netip.MustParsePrefix("192.0.2.0/24")) }, Rule{}},
		{func(r *netlink.Rule) { r.Goto = 32766 }, Rule{}},
		{func(r *netlink.Rule) { r.Type, r.Family = unix.RTN_BLACKHOLE, unix.AF_INET6 }, Rule{IPv6: true}},
	} {
		priority += 10
		r := netlink.NewRule()
		r.Family, r.Priority = unix.AF_INET, priority
		c.change(r)
		if err := k.RuleAdd(r); err != nil {
			t.Fatalf("%+v: %v", c.want, err)
		}
		c.want.Priority = uint32(priority)
		want = append(want, c.want)
	}
	expectRules(t, n, want...)
}

// Rules by DSCP have six bits, or those of a mask where the kernel knows masks.
func TestReadRulesByDSCP(t *testing.T) {
	n := labtest.Node(t, "host")
	var want []Rule
	for i, c := range []struct {
		family     byte
		attributes []byte
		want       Rule
	}{
		{unix.AF_INET, attribute(fraDSCP, -1, 46), Rule{TOS: 0xb8, TOSMask: 0xfc}},
		{unix.AF_INET6, attribute(fraDSCP, -1, 0), Rule{IPv6: true, TOSMask: 0xfc}},
		{unix.AF_INET, append(attribute(fraDSCP, -1, 0x20), attribute(fraDSCPMask, -1, 0x30)...), Rule{TOS: 0x80, TOSMask: 0xc0}},
		{unix.AF_INET6, append(attribute(fraDSCP, -1, 0x20), attribute(fraDSCPMask, -1, 0x30)...), Rule{IPv6: true, TOS: 0x80, TOSMask: 0xc0}},
	} {
		priority := uint32(10 * (i + 1))
		const action, toTable = 7, 1 // offset in struct fib_rule_hdr; FR_ACT_TO_TBL
		body := make([]byte, frhBytes)
		body[frhFamily], body[action] = c.family, toTable
		body = append(body, attribute(unix.FRA_TABLE, -1, u32(100)...)...)
		body = append(body, attribute(unix.FRA_PRIORITY, -1, u32(priority)...)...)
		body = append(body, c.attributes...)
		err := n.Do(func() error {
			request := nl.NewNetlinkRequest(unix.RTM_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
			request.AddRawData(body)
			_, err := request.Execute(unix.NETLINK_ROUTE, 0)
			return err
		})
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
			t.Skipf("this kernel has no rules like %+v: %v", c.want, err)
		}
		if err != nil {
			t.Fatal(err)
		}
		c.want.Priority = priority
		want = append(want, c.want)
	}
	expectRules(t, n, want...)
}

// ruleMessage is a struct fib_rule_hdr and attributes.
func ruleMessage(family, tos byte, attributes ...[]byte) []byte {
	b := make([]byte, frhBytes)
	b[frhFamily], b[frhTOS] = family, tos
	return slices.Concat(append([][]byte{b}, attributes...)...)
}

func TestDecodeRuleBroken(t *testing.T) {
	const v4, v6 = unix.AF_INET, unix.AF_INET6
	priority := attribute(unix.FRA_PRIORITY, -1, u32(100)...)
	for _, c := range []struct {
		name    string
		message []byte
		want    []Rule
		fails   bool
	}{
		{"good", ruleMessage(v4, 0, priority), []Rule{{Priority: 100}}, false},
		{"ECN bits, of an old kernel", ruleMessage(v6, 0x12, priority), []Rule{{IPv6: true, Priority: 100, TOS: 0x12, TOSMask: 0xfe}}, false},
		{"ECN bits, of an old kernel", ruleMessage(v4, 0x12, priority), []Rule{{Priority: 100, TOS: 0x12, TOSMask: 0x1e}}, false},
		{"unknown attributes", ruleMessage(v4, 0, attribute(999, -1, 1), priority, attribute(998, -1)), []Rule{{Priority: 100}}, false},
		{"no attributes", ruleMessage(v4, 0), []Rule{{}}, false},
		{"multicast routing", ruleMessage(128, 0, priority), nil, false},

		{"empty", nil, nil, true},
		{"header cut", ruleMessage(v4, 0)[:frhBytes-1], nil, true},
		{"mark of eight bytes", ruleMessage(v4, 0, attribute(unix.FRA_FWMARK, -1, make([]byte, 8)...)), nil, true},
		{"mask of no bytes", ruleMessage(v4, 0, attribute(unix.FRA_FWMASK, -1)), nil, true},
		{"priority of one byte", ruleMessage(v4, 0, attribute(unix.FRA_PRIORITY, -1, 1)), nil, true},
		{"DSCP of four bytes", ruleMessage(v4, 0, attribute(fraDSCP, -1, u32(1)...)), nil, true},
		{"DSCP mask of no bytes", ruleMessage(v4, 0, attribute(fraDSCPMask, -1)), nil, true},
		{"attribute beyond the message", ruleMessage(v4, 0, attribute(unix.FRA_PRIORITY, 9, u32(1)...)), nil, true},
		{"half an attribute header", append(ruleMessage(v4, 0), 8, 0), nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got rules
			got.begin()
			err := got.add(c.message)
			if d := cmp.Diff(c.want, []Rule(got), same); d != "" || c.fails != (err != nil) {
				t.Errorf("%v; -want +got:\n%s", err, d)
			}
		})
	}
}

func TestRulesHaveAnEnd(t *testing.T) {
	var r rules
	r.begin()
	message := ruleMessage(unix.AF_INET, 0)
	for range maxRules {
		if err := r.add(message); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.add(message); err == nil || len(r) != maxRules {
		t.Errorf("%d rules, %v", len(r), err)
	}
}
