package check

import (
	"errors"
	"io/fs"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/audit/host"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// readOn reads the facts on a node; change runs before on the thread that reads.
func readOn(t *testing.T, n *lab.Node, e Expect, change func() error) (f Facts) {
	t.Helper()
	if err := n.Do(func() error {
		if err := change(); err != nil {
			return err
		}
		f = Read(e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return f
}

func nothing() error { return nil }

// errs are the errors of the facts, by name.
func errs(f Facts) map[string]error {
	all := map[string]error{
		"Links": f.Links.Err, "Routes": f.Routes.Err, "Rules": f.Rules.Err, "Exceptions": f.Exceptions.Err,
		"Listeners": f.Listeners.Err, "Programs": f.Programs.Err, "LogGroups": f.LogGroups.Err,
		"Clock": f.Clock.Err, "Counters": f.Counters.Err, "Firewall": f.Firewall.Err,
	}
	for name, err := range all {
		if err == nil {
			delete(all, name)
		}
	}
	return all
}

// edge is a node with one thing of each kind that Read reads.
func edge(t *testing.T) *lab.Node {
	t.Helper()
	n := labtest.Node(t, "host")
	h := n.Handle()
	attributes := netlink.NewLinkAttrs()
	attributes.Name = "eth0"
	if err := h.LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: "far0"}); err != nil {
		t.Fatal(err)
	}
	link, err := h.LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	address, err := netlink.ParseAddr("198.51.100.7/24")
	if err != nil {
		t.Fatal(err)
	}
	rule := netlink.NewRule()
	rule.Priority, rule.Table, rule.Family = 100, 1000, unix.AF_INET
	place := netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT}
	filter := netlink.FilterAttrs{LinkIndex: place.LinkIndex, Parent: netlink.HANDLE_MIN_INGRESS, Priority: 1, Protocol: unix.ETH_P_IP}
	if err := errors.Join(
		h.LinkSetUp(link),
		h.AddrAdd(link, address),
		h.RuleAdd(rule),
		h.QdiscAdd(&netlink.Clsact{QdiscAttrs: place}),
		h.FilterAdd(&netlink.U32{FilterAttrs: filter}),
		n.SetSysctl("net/ipv4/conf/eth0/rp_filter", "1"),
	); err != nil {
		t.Fatal(err)
	}
	l, err := n.Listen(t.Context(), "tcp4", "198.51.100.7:7690")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return n
}

// Every fact is of the namespace that the thread is in, and what was expected is
// handed on.
func TestRead(t *testing.T) {
	n := edge(t)
	want := Expect{Transport: UDP, VIPs: prefixes("192.0.2.1/32"), Groups: []uint16{33}}
	f := readOn(t, n, want, nothing)
	if d := cmp.Diff(want, f.Expect, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	// To ordinary users tcx is closed in their own namespaces too.
	for name, err := range errs(f) {
		if name != "Programs" || !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v", name, err)
		}
	}
	i := slices.IndexFunc(f.Links.Value, func(l host.Link) bool { return l.Name == "eth0" })
	if i < 0 || len(f.Links.Value) != 3 {
		t.Fatalf("links %+v", f.Links.Value)
	}
	eth0 := f.Links.Value[i].Index
	if !slices.Contains(f.Routes.Value.Local, prefix("198.51.100.7/32")) {
		t.Errorf("routes %+v", f.Routes.Value)
	}
	if !slices.ContainsFunc(f.Rules.Value, func(r host.Rule) bool { return r.Priority == 100 }) {
		t.Errorf("rules %+v", f.Rules.Value)
	}
	if listener := (host.Listener{Local: netip.MustParseAddrPort("198.51.100.7:7690")}); !slices.Equal(f.Listeners.Value, []host.Listener{listener}) {
		t.Errorf("listeners %+v", f.Listeners.Value)
	}
	if p := f.Programs.Value; len(p) != 1 || p[0].Interface != eth0 || p[0].Name != "u32" {
		t.Errorf("programs %+v", p)
	}
	if len(f.LogGroups.Value) > 0 || f.Exceptions.Value.IPv4.Count > 0 {
		t.Errorf("groups %+v, exceptions %+v in a fresh namespace", f.LogGroups.Value, f.Exceptions.Value)
	}
	if f.Counters.Value.At.IsZero() {
		t.Errorf("counters %+v", f.Counters.Value)
	}
	if err := n.Do(func() error {
		value, err := f.Sysctl("net/ipv4/conf/eth0/rp_filter")
		if value != "1" {
			t.Errorf("rp_filter is %q", value)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// What needs a privilege has an error, and the rest is there.
func TestReadUnprivileged(t *testing.T) {
	f := readOn(t, edge(t), Expect{}, func() error {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		return unix.Capset(&header, &none[0])
	})
	refused := errs(f)
	for name, err := range refused {
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"Links", "Routes", "Rules", "Exceptions", "Listeners", "Clock", "Counters"} {
		if refused[name] != nil {
			t.Errorf("%s: %v", name, refused[name])
		}
	}
	for _, name := range []string{"Programs", "Firewall"} {
		if refused[name] == nil {
			t.Errorf("%s needs no privilege", name)
		}
	}
	if len(f.Programs.Value) != 1 {
		t.Errorf("programs %+v beside the error", f.Programs.Value)
	}
}

// Without links nothing is known of what is on them.
func TestProgramsWithoutLinks(t *testing.T) {
	if p := programsOf(Fact[[]host.Link]{Err: errRead}); !errors.Is(p.Err, errRead) || p.Value != nil {
		t.Errorf("%+v", p)
	}
}
