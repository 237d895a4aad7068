package integration

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Interfaces may be named almost anything. Doctor finds those by whichever name, and
// prints what a terminal shows as it is.
func TestDoctorOfOddNames(t *testing.T) {
	e := newEdge(t, lab.Options{}, "")
	before := e.doctor().told()
	names := []string{"eth0.100", "a-b_c~", "ünï", "x;y&z", "$(id)", `a'b"c`, "[31m\x1b[0m", `\n`}
	for i, name := range names {
		e.addStrict(name, fmt.Sprintf("far%d", i))
	}
	want := "warning rp-filter " + strings.Join(names, ", ")
	sick := e.doctor()
	if diff := cmp.Diff([]string{want}, without(sick.told(), before)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	_, text := command(t, e.Node, "doctor", "--config", edgeConfig)
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("the text has %q", text[i:min(i+16, len(text))])
	}
}

// addStrict adds an interface that is up, and filters reverse paths strictly.
func (e edge) addStrict(name, peer string) {
	e.t.Helper()
	attributes := netlink.NewLinkAttrs()
	attributes.Name = name
	e.must(e.Handle().LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: peer}))
	e.must(e.Handle().LinkSetUp(e.link(name)))
	e.set("net/ipv4/conf/"+name+"/rp_filter", "1")
}

// A crowded host is looked at whole: what is wrong behind thousands of others is found.
func TestDoctorOfCrowdedHost(t *testing.T) {
	const addresses, neighbours, chains = 4000, 3000, 200
	e := newEdge(t, lab.Options{}, "")
	e.set("net/ipv6/conf/eth0/use_oif_addrs_only", "1")
	before := e.doctor().told()
	for i := range addresses / 2 {
		e.hold("lo", fmt.Sprintf("2001:db8:ffff::1:%x/128", i))
		e.hold("lo", fmt.Sprintf("10.1.%d.%d/32", i/256, i%256))
	}
	e.awaitLocal(fmt.Sprintf("2001:db8:ffff::1:%x", addresses/2-1))
	for i := range neighbours {
		e.must(e.Handle().NeighAdd(&netlink.Neigh{
			LinkIndex: e.index(), State: netlink.NUD_PERMANENT, HardwareAddr: routerMAC,
			IP: []byte{198, 51, byte(101 + i/256), byte(i)},
		}))
	}
	e.chainDrop(chains)
	e.forget("2001:db8:ffff::1:7cf/128")

	p := labtest.Start(t, e.Node, "doctor", "--format", "json", "--config", edgeConfig)
	code, printed := ended(t, p)
	want := []string{
		"error local-route-missing 2001:db8:ffff::1:7cf",
		fmt.Sprintf("error icmp-filtered inet crowd chain%d, rule 1 (handle %d)", chains-1, 3*chains),
	}
	d := parseDiagnosis(t, printed)
	if diff := cmp.Diff(want, without(d.told(), before)); diff != "" || code != 1 {
		t.Errorf("exit code %d, -want +got:\n%s", code, diff)
	}
	most := int64(256 << 20)
	if labtest.RaceEnabled {
		most *= 4 // the detector's own
	}
	if used := p.State().SysUsage().(*syscall.Rusage).Maxrss << 10; used > most {
		t.Errorf("it took %d bytes of memory, at most %d", used, most)
	}
}

// chainDrop drops PTBs in the last of many chains, to which the first leads one after
// the other.
func (e edge) chainDrop(chains int) {
	e.t.Helper()
	e.must(e.Do(func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		table := conn.AddTable(&nftables.Table{Name: "crowd", Family: nftables.TableFamilyINet})
		input := conn.AddChain(&nftables.Chain{
			Name: "input", Table: table, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter,
		})
		for i := range chains {
			c := conn.AddChain(&nftables.Chain{Name: fmt.Sprintf("chain%d", i), Table: table})
			verdict := &expr.Verdict{Kind: expr.VerdictReturn}
			if i == chains-1 {
				verdict.Kind = expr.VerdictDrop
			}
			conn.AddRule(&nftables.Rule{Table: table, Chain: c, Exprs: append(lab.MatchPTB(lab.IPv4), verdict)})
			conn.AddRule(&nftables.Rule{Table: table, Chain: input, Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: c.Name}}})
			if i%32 == 0 { // the kernel's answers to more at once do not fit its buffer
				if err := conn.Flush(); err != nil {
					return err
				}
			}
		}
		return conn.Flush()
	}))
}

// A host without IPv6 has no fault by that.
func TestDoctorWithoutIPv6(t *testing.T) {
	e := newEdge(t, lab.Options{}, "")
	before := e.doctor().told()
	e.set("net/ipv6/conf/all/disable_ipv6", "1")
	if lines := e.lines("if_inet6"); len(lines) > 0 {
		t.Fatalf("IPv6 addresses are left: %v", lines)
	}
	if diff := cmp.Diff(before, e.doctor().told()); diff != "" {
		t.Errorf("-with +without:\n%s", diff)
	}
}

// A namespace that was just made, where nothing is up, has nothing to be mended but
// what the kernel's defaults are.
func TestDoctorOfBareNamespace(t *testing.T) {
	n := labtest.Node(t, "bare")
	lo, err := n.Handle().LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Handle().LinkSetDown(lo); err != nil {
		t.Fatal(err)
	}
	checkDoctor(t, n, usual(t, n, false))
}
