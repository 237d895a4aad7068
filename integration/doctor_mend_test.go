package integration

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"ptbrelay/integration/lab"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// remedy is a form of commands that doctor prints, and what they do.
type remedy struct {
	form *regexp.Regexp
	do   func(edge, []string) // with the form's groups
}

// remedies are all forms. They are done by netlink and by the files of sysctls: the
// commands themselves need not be there.
func remedies() []remedy {
	const ip = `^ip( -6)? `
	return []remedy{
		{regexp.MustCompile(`^sysctl -w ((?: ?\S+=\d+)+)$`), edge.setSysctls},
		{regexp.MustCompile(ip + `route change (table \S+ metric \d+) \$\(ip(?: -6)? route show (\S+) (table \S+ metric \d+) \| sed '[^']*'\)$`), edge.untag},
		{regexp.MustCompile(ip + `route del (default) via (\S+) dev (\S+) table (\S+) metric (\d+)$`), edge.deleteRoute},
		{regexp.MustCompile(ip + `route add local (\S+) dev (\S+)( table local proto kernel(?: scope host src \S+)?)?$`), edge.addLocal},
		{regexp.MustCompile(ip + `addr add (\S+) dev (\S+)$`), edge.addAddress},
		{regexp.MustCompile(ip + `rule del priority (\d+) tos 0x01$`), edge.deleteRule},
		{regexp.MustCompile(`^nft '(.*)'$`), edge.changeRules},
		{regexp.MustCompile(`^timedatectl set-ntp true$`), func(edge, []string) {}}, // the clock is the machine's
	}
}

// mend does what a command does.
func (e edge) mend(commands string) {
	e.t.Helper()
	for command := range strings.SplitSeq(commands, " && ") {
		e.mendBy(command)
	}
}

func (e edge) mendBy(command string) {
	e.t.Helper()
	for _, r := range remedies() {
		if words := r.form.FindStringSubmatch(command); words != nil {
			r.do(e, words[1:])
			return
		}
	}
	e.t.Fatalf("no form of command: %q", command)
}

// setSysctls: sysctl(8) has dots for slashes, and slashes for dots.
func (e edge) setSysctls(words []string) {
	e.t.Helper()
	for assignment := range strings.FieldsSeq(words[0]) {
		name, value, _ := strings.Cut(assignment, "=")
		e.set(strings.NewReplacer(".", "/", "/", ".").Replace(name), value)
	}
}

// untag changes the one route that is shown to be the same without an MTU.
func (e edge) untag(words []string) {
	e.t.Helper()
	family, key, destination, shown := words[0], words[1], words[2], words[3]
	if key != shown {
		e.t.Fatalf("route %q is changed, %q is shown", key, shown)
	}
	to, err := netip.ParsePrefix(destination)
	if destination == "default" {
		to, err = netip.MustParsePrefix("0.0.0.0/0"), nil
		if family != "" {
			to = netip.MustParsePrefix("::/0")
		}
	}
	e.must(err)
	found := e.keyed(to, key)
	found.MTU, found.MTULock = 0, false
	e.must(e.Handle().RouteReplace(&found))
}

// keyed is the one route to a prefix with a table and a metric.
func (e edge) keyed(to netip.Prefix, key string) netlink.Route {
	e.t.Helper()
	fields := strings.Fields(key)
	metric, err := strconv.Atoi(fields[3])
	e.must(err)
	var found []netlink.Route
	for _, r := range e.routes(to, e.table(fields[1])) {
		if r.Priority == metric {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		e.t.Fatalf("%s names %d routes to %v", key, len(found), to)
	}
	return found[0]
}

func (e edge) table(name string) int {
	e.t.Helper()
	switch name {
	case "main":
		return unix.RT_TABLE_MAIN
	case "local":
		return unix.RT_TABLE_LOCAL
	}
	table, err := strconv.Atoi(name)
	e.must(err)
	return table
}

func (e edge) deleteRoute(words []string) {
	e.t.Helper()
	metric, err := strconv.Atoi(words[5])
	e.must(err)
	r := e.by(words[2], metric)
	r.LinkIndex, r.Table = e.link(words[3]).Attrs().Index, e.table(words[4])
	e.must(e.Handle().RouteDel(&r))
}

func (e edge) addLocal(words []string) {
	e.t.Helper()
	to, err := netip.ParsePrefix(words[1])
	if err != nil {
		a, err := netip.ParseAddr(words[1])
		e.must(err)
		to = netip.PrefixFrom(a, a.BitLen())
	}
	r := netlink.Route{LinkIndex: e.link(words[2]).Attrs().Index, Dst: ipNetOf(to), Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL}
	if to.Addr().Is4() {
		r.Scope = netlink.SCOPE_HOST
	}
	e.must(e.Handle().RouteAdd(&r))
}

func (e edge) addAddress(words []string) {
	e.t.Helper()
	e.hold(words[2], words[1])
	e.awaitLocal(netip.MustParsePrefix(words[1]).Addr().String())
}

func (e edge) deleteRule(words []string) {
	e.t.Helper()
	priority, err := strconv.Atoi(words[1])
	e.must(err)
	r := netlink.NewRule()
	r.Family, r.Priority, r.Tos = netlink.FAMILY_V4, priority, 1
	e.must(e.Handle().RuleDel(r))
}

// changeRules inserts rules before those of a chain.
func (e edge) changeRules(words []string) {
	e.t.Helper()
	form := regexp.MustCompile(`^insert rule (\S+) (\S+) (\S+) (icmp type destination-unreachable icmp code frag-needed|icmpv6 type packet-too-big) accept$`)
	e.must(e.Do(func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		for command := range strings.SplitSeq(words[0], "; ") {
			rule := form.FindStringSubmatch(command)
			if rule == nil || rule[1] != "inet" {
				e.t.Errorf("no form of rule: %q", command)
				continue
			}
			family := lab.IPv4
			if strings.HasPrefix(rule[4], "icmpv6") {
				family = lab.IPv6
			}
			table := &nftables.Table{Name: rule[2], Family: nftables.TableFamilyINet}
			conn.InsertRule(&nftables.Rule{
				Table: table, Chain: &nftables.Chain{Name: rule[3], Table: table},
				Exprs: append(lab.MatchPTB(family), &expr.Verdict{Kind: expr.VerdictAccept}),
			})
		}
		return conn.Flush()
	}))
}
