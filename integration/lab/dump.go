//go:build linux

package lab

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
)

// How much of long things a dump shows.
const (
	dumpLogBytes = 8 << 10
	dumpFrames   = 12
	dumpList     = 12
)

// Dump tells, for every node, what helps to tell why a test failed:
// addresses, routes, neighbours, rules with their counters, path MTU
// exceptions, counters, the ends of process logs and the last frames of taps.
// What cannot be read is said so in its place.
func (l *Lab) Dump() string {
	b := new(strings.Builder)
	fmt.Fprintf(b, "lab: %+v\n", l.Options)
	for _, n := range l.Nodes() {
		fmt.Fprintf(b, "== %s\n", n.name)
		n.dumpNetwork(b)
		n.dumpRules(b)
		n.dumpState(b)
		n.dumpProcesses(b)
		n.dumpTaps(b)
	}
	return b.String()
}

func (n *Node) dumpNetwork(w *strings.Builder) {
	links, err := n.handle.LinkList()
	if err != nil {
		fmt.Fprintf(w, "interfaces: %v\n", err)
	}
	for _, link := range links {
		a := link.Attrs()
		fmt.Fprintf(w, "interface %s mtu %d %v %v\n", a.Name, a.MTU, a.HardwareAddr, a.Flags)
		addresses, err := n.handle.AddrList(link, netlink.FAMILY_ALL)
		var list []string
		for _, x := range addresses {
			list = append(list, x.IPNet.String())
		}
		dumpLine(w, "  addresses", list, err)
	}
	routes, err := n.handle.RouteList(nil, netlink.FAMILY_ALL)
	var list []string
	for _, r := range routes {
		list = append(list, r.String())
	}
	dumpLine(w, "routes", list, err)
	states := make(map[int]int)
	neighbours, err := n.handle.NeighList(0, netlink.FAMILY_ALL)
	for _, x := range neighbours {
		states[x.State]++
	}
	fmt.Fprintf(w, "neighbours by state (NUD_*): %v %s\n", states, orNothing(err))
}

// dumpLine writes a list, long ones cut.
func dumpLine(w *strings.Builder, what string, list []string, err error) {
	more := ""
	if len(list) > dumpList {
		more = fmt.Sprintf(" and %d more", len(list)-dumpList)
		list = list[:dumpList]
	}
	fmt.Fprintf(w, "%s: %s%s %s\n", what, strings.Join(list, ", "), more, orNothing(err))
}

func orNothing(err error) string {
	if err == nil {
		return ""
	}
	return "(" + err.Error() + ")"
}

// dumpRules shows tables, chains and what their rules counted.
func (n *Node) dumpRules(w *strings.Builder) {
	c, err := n.nftables()
	if err != nil {
		fmt.Fprintf(w, "nf_tables: %v\n", err)
		return
	}
	chains, err := c.ListChains()
	if err != nil {
		fmt.Fprintf(w, "nf_tables: %v\n", err)
	}
	for _, chain := range chains {
		rules, err := c.GetRules(chain.Table, chain)
		var counts []string
		for i, rule := range rules {
			counts = append(counts, fmt.Sprintf("rule %d%s", i, ruleCount(rule)))
		}
		dumpLine(w, fmt.Sprintf("chain %s %s, %d rules", chain.Table.Name, chain.Name, len(rules)), counts, err)
	}
}

func ruleCount(rule *nftables.Rule) string {
	for _, e := range rule.Exprs {
		if counter, ok := e.(*expr.Counter); ok {
			return fmt.Sprintf(" counted %d packets", counter.Packets)
		}
	}
	return ""
}

func (n *Node) dumpState(w *strings.Builder) {
	for _, f := range Families() {
		count, err := n.Exceptions(f)
		fmt.Fprintf(w, "%v path MTU exceptions: %d %s\n", f, count, orNothing(err))
	}
	counters, err := n.Counters()
	fmt.Fprintf(w, "counters: %s", orNothing(err))
	for _, name := range slices.Sorted(maps.Keys(counters)) {
		if counters[name] != 0 {
			fmt.Fprintf(w, " %s=%d", name, counters[name])
		}
	}
	fmt.Fprintln(w)
}

func (n *Node) dumpProcesses(w *strings.Builder) {
	n.mu.RLock()
	procs := slices.Clone(n.procs)
	n.mu.RUnlock()
	for _, p := range procs {
		state := "running"
		if s := p.State(); s != nil {
			state = s.String()
		}
		log := p.Log()
		fmt.Fprintf(w, "process %d %q: %s; end of its output:\n%s\n", p.Pid(), strings.Join(p.args, " "), state, log[max(0, len(log)-dumpLogBytes):])
	}
}

func (n *Node) dumpTaps(w *strings.Builder) {
	n.mu.RLock()
	taps := slices.Clone(n.taps)
	n.mu.RUnlock()
	for _, t := range taps {
		frames := t.Frames()
		dropped, err := t.Dropped()
		fmt.Fprintf(w, "tap %s: %d frames, %d dropped %s; the last:\n", t.iface, len(frames), dropped, orNothing(err))
		for _, f := range frames[max(0, len(frames)-dumpFrames):] {
			fmt.Fprintf(w, "  %s %v %s\n", f.Time.Format("15:04:05.000000"), f.Type, describe(f))
		}
	}
}

// describe tells a PTB in words and any other frame by its first bytes.
func describe(f Frame) string {
	if p, ok := ParsePTB(f); ok {
		return fmt.Sprintf("%x > %x PTB %v > %v, MTU %d, about %v", p.From, p.To, p.Router, p.VIP, p.MTU, p.Flow)
	}
	return fmt.Sprintf("%d bytes %x", len(f.Data), f.Data[:min(len(f.Data), 64)])
}
