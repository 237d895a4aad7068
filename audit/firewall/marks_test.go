package firewall

import "testing"

// rulesOf are those of one chain of IPv4.
func rulesOf(s stage, rules ...[]expression) Ruleset {
	t := &table{family: familyIPv4, name: "t", chains: make(map[string]*chain)}
	c := &chain{table: t, name: "c", base: &base{stage: s, priority: -150, routes: s == stageOutput}}
	for i, x := range rules {
		c.rules = append(c.rules, rule{number: i + 1, expressions: x})
	}
	t.chains["c"] = c
	return Ruleset{bases: []*chain{c}}
}

func TestMarksOfHashes(t *testing.T) {
	load := func(offset int) expression { return load{0, payloadField(layerNetwork, offset, 1)} }
	for offset, want := range map[int]Likelihood{1: Perhaps, 9: Never} {
		r := rulesOf(stageOutput, []expression{load(offset), hash{}, markPacket{0}})
		if d := r.Marks(false).ByECN(1, 1); d.Likelihood != want {
			t.Errorf("of byte %d: %+v, want %d", offset, d, want)
		}
	}
}

func TestMarksUnclear(t *testing.T) {
	mark := changeMark{1, 1}
	jump := decision{verdict{verdictReturn, ""}}
	for name, c := range map[string]struct {
		rules [][]expression
		want  Deed
	}{
		"in the rule":          {[][]expression{{opaque{text: "u32 …"}, mark}}, Deed{Perhaps, "ip t c, rule 1 (handle 0)", "u32 … MARK --set-xmark 0x1/0x1"}},
		"in a rule before":     {[][]expression{{opaque{text: "u32 …"}, jump}, {mark}}, Deed{Perhaps, "ip t c, rule 1 (handle 0)", "u32 … return"}},
		"in a rule of no turn": {[][]expression{{opaque{text: "u32 …"}}, {mark}}, Deed{}},
		"blind":                {[][]expression{{opaque{text: "limit …", blind: true}, mark}}, Deed{}},
		"another mark":         {[][]expression{{opaque{text: "u32 …"}, changeMark{2, 2}}}, Deed{}},
		"a target":             {[][]expression{{opaque{text: "X …", ends: true}}}, Deed{Perhaps, "ip t c, rule 1 (handle 0)", "X …"}},
		"no mark":              {[][]expression{{opaque{text: "u32 …"}, jump}}, Deed{}},
	} {
		if d := rulesOf(stagePrerouting, c.rules...).Marks(false).ByECN(1, 1); d != c.want {
			t.Errorf("%s: %+v, want %+v", name, d, c.want)
		}
	}
}

func TestMarksOfTooManyRules(t *testing.T) {
	byECN := []expression{tosMatch{mask: ecnBits, want: 1}, changeMark{1, 1}}
	rules := [][]expression{byECN}
	r := rulesOf(stagePrerouting, rules...)
	if d := r.Marks(false).ByECN(1, 1); d.Likelihood != Surely {
		t.Errorf("few: %+v", d)
	}
	for range mostTried / everyTOS {
		rules = append(rules, []expression{idle{}})
	}
	r = rulesOf(stagePrerouting, rules...)
	m := r.Marks(false)
	if d := m.ByECN(1, 1); d.Likelihood != Perhaps || d.Rule != "ip t c, rule 1 (handle 0)" {
		t.Errorf("many: %+v", d)
	}
	if d := m.ByECN(2, 2); d != (Deed{}) {
		t.Errorf("many, another mark: %+v", d)
	}
}

func TestMarksOfTheDropped(t *testing.T) {
	r := rulesOf(stagePrerouting,
		[]expression{tosMatch{mask: ecnBits, want: 3}, decision{verdict{verdictDrop, ""}}},
		[]expression{changeMark{1, 1}})
	if d := r.Marks(false).ByECN(1, 1); d != (Deed{}) {
		t.Errorf("%+v", d)
	}
}

func TestMarksLegacy(t *testing.T) {
	r := Ruleset{Legacy: []string{"ip filter", "ip mangle", "ip6 raw"}}
	for ipv6, want := range map[bool]string{false: "iptables-legacy ip mangle", true: "iptables-legacy ip6 raw"} {
		if d := r.Marks(ipv6).ByECN(1, 1); d != (Deed{Perhaps, want, "not shown by netlink"}) {
			t.Errorf("IPv6 %v: %+v", ipv6, d)
		}
	}
}
