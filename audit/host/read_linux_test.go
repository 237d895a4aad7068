package host

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

func readOn(n *lab.Node) (s State, err error) {
	err = n.Do(func() (err error) {
		s, err = Read()
		return err
	})
	return s, err
}

// agrees waits until Read says what the kernel says and all the prefixes are
// local: an IPv6 address is so a moment after it was added, and others the
// kernel makes up itself.
func agrees(t *testing.T, n *lab.Node, k kernel, local ...string) (s State) {
	t.Helper()
	labtest.Eventually(t, 5*time.Second, "Read agrees with the kernel", func() (err error) {
		if s, err = readOn(n); err != nil {
			return err
		}
		truth, err := k.state()
		if err != nil {
			return err
		}
		if d := cmp.Diff(truth, s, cmp.Comparer(func(a, b State) bool { return a.Equal(b) })); d != "" {
			return fmt.Errorf("-kernel +Read:\n%s", d)
		}
		return holds(s, local...)
	})
	return s
}

// A namespace with nothing but loopback.
func TestReadEmptyHost(t *testing.T) {
	n := labtest.Node(t, "host")
	s := agrees(t, n, kernel{n.Handle(), t}, "127.0.0.0/8", "127.0.0.1/32", "::1/128")
	if lo, ok := s.Link("lo"); !ok || !lo.Loopback || !lo.Up || lo.Ethernet || len(s.Links) != 1 {
		t.Errorf("links %+v", s.Links)
	}
	if len(s.Local) != 3 {
		t.Errorf("local %v", s.Local)
	}
	if mtu, ok := s.LargestMTU(); ok {
		t.Errorf("largest MTU %d without any link", mtu)
	}
}

func TestReadLinks(t *testing.T) {
	n := labtest.Node(t, "host")
	k := kernel{n.Handle(), t}
	k.addVeth("eth0", "far0", 1400, "02:00:5e:10:00:01")
	k.addVeth("eth1", "far1", 9000, "02:00:5e:10:00:02")
	k.setUp("eth0", "far0")
	k.awaitCarrier("eth0", "far0")
	s := agrees(t, n, k)

	eth0, _ := s.Link("eth0")
	index := k.link("eth0").Attrs().Index
	if want := (Link{Index: index, Name: "eth0", MTU: 1400, MAC: MAC{2, 0, 0x5e, 0x10, 0, 1}, Ethernet: true, Up: true, Running: true}); eth0 != want {
		t.Errorf("%+v, want %+v", eth0, want)
	}
	if eth1, ok := s.Link("eth1"); !ok || eth1.Up || eth1.MTU != 9000 {
		t.Errorf("%+v, %v", eth1, ok)
	}
	if mtu, ok := s.LargestMTU(); !ok || mtu != 1400 {
		t.Errorf("largest MTU %d, %v, want 1400: what is larger is down", mtu, ok)
	}
	k.setUp("eth1")
	if mtu, _ := agrees(t, n, k).LargestMTU(); mtu != 9000 {
		t.Errorf("largest MTU %d, want 9000", mtu)
	}
}

// What the FIB calls local is all there, in whatever table, and nothing else.
func TestReadLocal(t *testing.T) {
	n := labtest.Node(t, "host")
	k := kernel{n.Handle(), t}
	k.addVeth("eth0", "far0", 1500, "02:00:5e:10:00:01")
	k.setUp("eth0", "far0")
	k.addAddress("eth0", "198.51.100.7/24", "2001:db8:1::7/64")
	k.addAddress("lo", "192.0.2.1/32", "2001:db8:ffff::1/128")
	for _, r := range []struct {
		kind   int
		prefix string
		iface  string
		table  int
	}{
		{unix.RTN_LOCAL, "192.0.2.128/25", "lo", unix.RT_TABLE_LOCAL},
		{unix.RTN_LOCAL, "2001:db8:a::/64", "lo", unix.RT_TABLE_LOCAL},
		{unix.RTN_LOCAL, "192.0.2.64/26", "lo", unix.RT_TABLE_MAIN},
		{unix.RTN_LOCAL, "2001:db8:b::/64", "lo", unix.RT_TABLE_MAIN},
		{unix.RTN_LOCAL, "192.0.2.32/27", "lo", 1000},
		{unix.RTN_LOCAL, "2001:db8:c::/64", "lo", 1000},
		{unix.RTN_LOCAL, "192.0.2.32/27", "lo", 1001}, // again: one entry
		{unix.RTN_LOCAL, "0.0.0.0/0", "lo", 1002},     // a transparent proxy's: no entry
		{unix.RTN_LOCAL, "::/0", "lo", 1002},
		{unix.RTN_UNICAST, "203.0.113.0/24", "eth0", unix.RT_TABLE_MAIN},
		{unix.RTN_UNICAST, "2001:db8:d::/64", "eth0", unix.RT_TABLE_MAIN},
		{unix.RTN_UNICAST, "203.0.113.0/25", "eth0", 1000},
		{unix.RTN_UNICAST, "2001:db8:e::/64", "eth0", 1000},
		{unix.RTN_BLACKHOLE, "203.0.113.128/25", "lo", unix.RT_TABLE_MAIN},
	} {
		route := k.route(r.kind, r.prefix, r.iface, r.table)
		if r.kind == unix.RTN_BLACKHOLE {
			route.LinkIndex = 0
		}
		if err := k.RouteAdd(route); err != nil {
			t.Fatalf("%s table %d: %v", r.prefix, r.table, err)
		}
	}
	s := agrees(t, n, k, "198.51.100.7/32", "2001:db8:1::7/128", "192.0.2.1/32", "2001:db8:ffff::1/128",
		"192.0.2.128/25", "2001:db8:a::/64", "192.0.2.64/26", "2001:db8:b::/64", "192.0.2.32/27", "2001:db8:c::/64")
	if err := lacks(s, "198.51.100.0/24", "198.51.100.255/32", "2001:db8:1::/64", "203.0.113.0/24", "203.0.113.0/25",
		"203.0.113.128/25", "2001:db8:d::/64", "2001:db8:e::/64"); err != nil {
		t.Error(err)
	}
}

// More than fits one message of a dump.
func TestReadMany(t *testing.T) {
	n := labtest.Node(t, "host")
	k := kernel{n.Handle(), t}
	addresses := vips(2000)
	k.addAddress("lo", addresses...)
	if s := agrees(t, n, k, addresses...); len(s.Local) != 2003 {
		t.Errorf("%d local prefixes, want 2003", len(s.Local))
	}
}
