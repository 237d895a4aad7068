package firewall

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/labtest"
)

// A host without any rules.
func TestReadNothing(t *testing.T) {
	n := labtest.Node(t, "host")
	on(t, n, func() error {
		r, err := Read()
		if o := r.Fate(PTB{State: Invalid}); o != (Outcome{}) || len(r.Legacy) > 0 {
			t.Errorf("%+v, legacy %v", o, r.Legacy)
		}
		return err
	})
}

// Who may not read is told what to do.
func TestReadUnprivileged(t *testing.T) {
	n := labtest.Node(t, "host")
	on(t, n, func() error { // on a thread of its own
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			return err
		}
		_, err := Read()
		if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) || !strings.Contains(err.Error(), "run as root") {
			t.Errorf("error %v", err)
		}
		return nil
	})
}

// Tables of iptables' older kind are seen, and may drop anything of their family.
func TestReadLegacy(t *testing.T) {
	n := labtest.Node(t, "host")
	on(t, n, func() error {
		if err := askLegacy("filter"); err != nil {
			t.Skipf("this kernel has no iptables-legacy: %v", err)
		}
		if err := askLegacy("nat"); err != nil {
			return err
		}
		r, err := Read()
		if err != nil {
			return err
		}
		if !slices.Equal(r.Legacy, []string{"ip filter"}) {
			t.Errorf("legacy tables %q", r.Legacy)
		}
		want := Outcome{MayDrop, "iptables-legacy ip filter", "not shown by netlink"}
		if o := r.Fate(PTB{}); o != want {
			t.Errorf("IPv4: %+v, want %+v", o, want)
		}
		if o := r.Fate(PTB{IPv6: true}); o != (Outcome{}) {
			t.Errorf("IPv6: %+v", o)
		}
		return nil
	})
}

// askLegacy asks for a table as iptables-legacy does, which makes it
// (IPT_SO_GET_INFO with struct ipt_getinfo).
func askLegacy(table string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	const getInfo = 64
	var info [84]byte
	copy(info[:32], table)
	size := uint32(len(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.IPPROTO_IP, getInfo,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// The rules of a network namespace are those of the calling thread.
func TestReadNamespace(t *testing.T) {
	g := newGround(t)
	other := labtest.Node(t, "other")
	hooked{nftables.TableFamilyINet, nftables.ChainHookInput, 0, true, nil, nil}.load(g.conn, "filter")
	g.do(g.conn.Flush)
	if o := g.read().Fate(PTB{}); o.Fate != Drops {
		t.Errorf("where the rules are: %s", describe(o))
	}
	on(t, other, func() error {
		r, err := Read()
		if o := r.Fate(PTB{}); o.Fate != Passes {
			t.Errorf("elsewhere: %s", describe(o))
		}
		return err
	})
}

// A set with more elements than are read may hold anything; one with fewer does not.
func TestReadBigSets(t *testing.T) {
	for _, size := range []int{100, mostElements, mostElements + 1} {
		g := newGround(t)
		table := g.conn.AddTable(&nftables.Table{Name: "filter", Family: nftables.TableFamilyINet})
		input := g.conn.AddChain(&nftables.Chain{Table: table, Name: "input", Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter})
		set := &nftables.Set{Table: table, Name: "marks", KeyType: nftables.TypeMark}
		if err := g.conn.AddSet(set, nil); err != nil {
			t.Fatal(err)
		}
		g.conn.AddRule(&nftables.Rule{Table: table, Chain: input, Exprs: []expr.Any{
			&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
			&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID},
			&expr.Verdict{Kind: expr.VerdictDrop},
		}})
		g.do(g.conn.Flush)
		elements := make([]nftables.SetElement, size)
		for i := range elements {
			elements[i].Key = binary.NativeEndian.AppendUint32(nil, uint32(i+1))
		}
		for part := range slices.Chunk(elements, 1000) {
			if err := g.conn.SetAddElements(set, part); err != nil {
				t.Fatal(err)
			}
			g.do(g.conn.Flush)
		}
		want := "passes"
		if size > mostElements {
			want = "may drop: inet filter input, rule 1: meta mark @marks drop"
		}
		if got := describe(g.read().Fate(PTB{})); got != want {
			t.Errorf("%d elements: %s, want %s", size, got, want)
		}
		g.check(t)
	}
}
