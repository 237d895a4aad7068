package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// programsOn reads those of all links, loopback too.
func programsOn(n *lab.Node) (p []Program, err error) {
	err = n.Do(func() error {
		s, err := Read()
		if err != nil {
			return err
		}
		p, err = ReadPrograms(s.Links)
		return err
	})
	return p, err
}

func expectPrograms(t *testing.T, n *lab.Node, want ...Program) {
	t.Helper()
	got, err := programsOn(n)
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// program is one loaded into the kernel, which lets every packet pass.
type program struct {
	fd int
	id uint32
}

// instruction is struct bpf_insn.
type instruction struct {
	operation uint8
	_         uint8 // registers: r0
	_         int16
	value     int32
}

// load loads a program; where that is refused, as to ordinary users, the test is
// skipped.
func load(t *testing.T, kind uint32, name string, verdict int32) program {
	t.Helper()
	const move, exit = unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_K, unix.BPF_JMP | unix.BPF_EXIT
	code := [2]instruction{{operation: move, value: verdict}, {operation: exit}}
	license := [4]byte{'G', 'P', 'L', 0}
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&code)
	pin.Pin(&license)
	attribute := struct {
		kind, length         uint32
		code, license        uint64
		logLevel, logSize    uint32
		logBuffer            uint64
		kernelVersion, flags uint32
		name                 [unix.BPF_OBJ_NAME_LEN]byte
	}{
		kind: kind, length: uint32(len(code)),
		code: uint64(uintptr(unsafe.Pointer(&code))), license: uint64(uintptr(unsafe.Pointer(&license))),
	}
	copy(attribute.name[:len(attribute.name)-1], name)
	fd, err := callBPF(unix.BPF_PROG_LOAD, unsafe.Pointer(&attribute), unsafe.Sizeof(attribute))
	for range 100 {
		if !errors.Is(err, unix.EAGAIN) { // a signal, as the runtime sends them, ends the verifier
			break
		}
		fd, err = callBPF(unix.BPF_PROG_LOAD, unsafe.Pointer(&attribute), unsafe.Sizeof(attribute))
	}
	if errors.Is(err, unix.EPERM) {
		t.Skip("the kernel lets only root load BPF programs")
	}
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, descriptor(fd))
	return program{fd, idOf(t, fd)}
}

// idOf is a program's number by the file that proc has of its descriptor.
func idOf(t *testing.T, fd int) (id uint32) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if n, _ := fmt.Sscanf(line, "prog_id: %d", &id); n == 1 {
			return id
		}
	}
	t.Fatalf("no prog_id in %s", b)
	return 0
}

// attachXDP attaches a program to a link of the node.
func attachXDP(t *testing.T, n *lab.Node, link netlink.Link, p program, flags int) {
	t.Helper()
	if err := n.Do(func() error { return netlink.LinkSetXdpFdWithFlags(link, p.fd, flags) }); err != nil {
		t.Fatal(err)
	}
}

// attachTCX attaches a program at a link's ingress or egress; kernels before 6.6
// have no such place.
func attachTCX(t *testing.T, n *lab.Node, link netlink.Link, p program, place uint32) {
	t.Helper()
	attribute := struct {
		interfaceIndex, program, place, flags, replaced, relative uint32
		revision                                                  uint64
	}{interfaceIndex: uint32(link.Attrs().Index), program: uint32(p.fd), place: place}
	err := n.Do(func() error {
		_, err := callBPF(unix.BPF_PROG_ATTACH, unsafe.Pointer(&attribute), unsafe.Sizeof(attribute))
		return err
	})
	if errors.Is(err, unix.EINVAL) {
		t.Skip("this kernel has no tcx")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// addQdisc gives a link a place for filters at ingress, of egress too by clsact.
func addQdisc(t *testing.T, k kernel, link netlink.Link, clsact bool) {
	t.Helper()
	attributes := netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_INGRESS}
	if clsact {
		k.must(k.QdiscAdd(&netlink.Clsact{QdiscAttrs: attributes}))
		return
	}
	k.must(k.QdiscAdd(&netlink.Ingress{QdiscAttrs: attributes}))
}

func filterOf(link netlink.Link, parent uint32, priority uint16) netlink.FilterAttrs {
	return netlink.FilterAttrs{LinkIndex: link.Attrs().Index, Parent: parent, Priority: priority, Protocol: unix.ETH_P_IP}
}

// addClassicBPF adds a filter of classic BPF, which ordinary users may have in
// their namespaces too.
func addClassicBPF(t *testing.T, n *lab.Node, link netlink.Link, priority uint16) {
	t.Helper()
	const operations, length = 5, 4                            // TCA_BPF_OPS, TCA_BPF_OPS_LEN
	pass := append(append(u16(unix.BPF_RET), 0, 0), u32(0)...) // struct sock_filter
	if err := n.Do(func() error {
		req := nl.NewNetlinkRequest(unix.RTM_NEWTFILTER, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
		protocol := uint32(unix.ETH_P_IP)>>8 | uint32(unix.ETH_P_IP)&0xff<<8
		req.AddData(&nl.TcMsg{
			Family: nl.FAMILY_ALL, Ifindex: int32(link.Attrs().Index),
			Parent: netlink.HANDLE_MIN_INGRESS, Info: uint32(priority)<<16 | protocol,
		})
		req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated("bpf")))
		options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
		options.AddChild(nl.NewRtAttr(length, u16(1)))
		options.AddChild(nl.NewRtAttr(operations, pass))
		req.AddData(options)
		_, err := req.Execute(unix.NETLINK_ROUTE, 0)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

const (
	typeClassifier = 3  // BPF_PROG_TYPE_SCHED_CLS
	typeXDP        = 6  // BPF_PROG_TYPE_XDP
	goOn           = -1 // TC_ACT_UNSPEC, TCX_NEXT
	passXDP        = 2  // XDP_PASS
	generic        = 2  // XDP_FLAGS_SKB_MODE
	native         = 4  // XDP_FLAGS_DRV_MODE
)

// twoLinks are eth0 and eth1 of a node, and their index.
func twoLinks(t *testing.T) (n *lab.Node, k kernel, eth0, eth1 netlink.Link) {
	t.Helper()
	n = labtest.Node(t, "host")
	k = kernel{n.Handle(), t}
	k.addVeth("eth0", "far0", 1500, "02:00:5e:10:00:01")
	k.addVeth("eth1", "far1", 1500, "02:00:5e:10:00:02")
	return n, k, k.link("eth0"), k.link("eth1")
}

func TestReadXDP(t *testing.T) {
	n, _, eth0, eth1 := twoLinks(t)
	expectProgramsOrRefusal(t, n)
	first, second := load(t, typeXDP, "first", passXDP), load(t, typeXDP, "", passXDP)
	attachXDP(t, n, eth0, first, generic)
	attachXDP(t, n, eth1, second, native)
	expectPrograms(t, n,
		Program{Interface: eth0.Attrs().Index, Kind: "xdp", Name: "first", ID: first.id},
		Program{Interface: eth1.Attrs().Index, Kind: "xdp", ID: second.id},
	)
	attachXDP(t, n, eth0, program{fd: -1}, generic)
	expectPrograms(t, n, Program{Interface: eth1.Attrs().Index, Kind: "xdp", ID: second.id})
}

func TestReadTCX(t *testing.T) {
	n, _, eth0, eth1 := twoLinks(t)
	first, second := load(t, typeClassifier, "first", goOn), load(t, typeClassifier, "second", goOn)
	attachTCX(t, n, eth0, first, unix.BPF_TCX_INGRESS)
	attachTCX(t, n, eth0, second, unix.BPF_TCX_INGRESS)
	attachTCX(t, n, eth1, second, unix.BPF_TCX_EGRESS)
	expectPrograms(t, n,
		Program{Interface: eth0.Attrs().Index, Kind: "tcx ingress", Name: "first", ID: first.id},
		Program{Interface: eth0.Attrs().Index, Kind: "tcx ingress", Name: "second", ID: second.id},
	)
}

func TestReadFilters(t *testing.T) {
	n, k, eth0, eth1 := twoLinks(t)
	p := load(t, typeClassifier, "loaded", goOn)
	addQdisc(t, k, eth0, true)
	addQdisc(t, k, eth1, false)
	expectPrograms(t, n)
	const ingress, egress = netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS
	k.must(k.FilterAdd(&netlink.BpfFilter{FilterAttrs: filterOf(eth0, ingress, 1), Fd: p.fd, Name: "named", DirectAction: true}))
	k.must(k.FilterAdd(&netlink.BpfFilter{FilterAttrs: filterOf(eth0, egress, 1), Fd: p.fd, Name: "out", DirectAction: true}))
	k.must(k.FilterAdd(&netlink.BpfFilter{FilterAttrs: filterOf(eth1, netlink.HANDLE_INGRESS, 1), Fd: p.fd, Name: "old", DirectAction: true}))
	expectPrograms(t, n,
		Program{Interface: eth0.Attrs().Index, Kind: "tc ingress", Name: "named", ID: p.id},
		Program{Interface: eth1.Attrs().Index, Kind: "tc ingress", Name: "old", ID: p.id},
	)
}

// In the order in which a packet meets them.
func TestReadProgramsTogether(t *testing.T) {
	n, k, eth0, _ := twoLinks(t)
	x, c := load(t, typeXDP, "x", passXDP), load(t, typeClassifier, "c", goOn)
	addQdisc(t, k, eth0, true)
	k.must(k.FilterAdd(&netlink.BpfFilter{FilterAttrs: filterOf(eth0, netlink.HANDLE_MIN_INGRESS, 1), Fd: c.fd, Name: "f"}))
	attachTCX(t, n, eth0, c, unix.BPF_TCX_INGRESS)
	attachXDP(t, n, eth0, x, generic)
	index := eth0.Attrs().Index
	expectPrograms(t, n,
		Program{Interface: index, Kind: "xdp", Name: "x", ID: x.id},
		Program{Interface: index, Kind: "tcx ingress", Name: "c", ID: c.id},
		Program{Interface: index, Kind: "tc ingress", Name: "f", ID: c.id},
	)
}

// expectProgramsOrRefusal is as expectPrograms, but to whom tcx is refused all but
// those are shown, with an error that says so.
func expectProgramsOrRefusal(t *testing.T, n *lab.Node, want ...Program) {
	t.Helper()
	got, err := programsOn(n)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		t.Fatal(err)
	}
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// Other filters are told by their kind, those of one kind and priority once.
func TestReadOtherFilters(t *testing.T) {
	n, k, eth0, eth1 := twoLinks(t)
	addQdisc(t, k, eth0, true)
	addQdisc(t, k, eth1, false)
	for range 50 {
		k.must(k.FilterAdd(&netlink.U32{FilterAttrs: filterOf(eth0, netlink.HANDLE_MIN_INGRESS, 1)}))
	}
	k.must(k.FilterAdd(&netlink.U32{FilterAttrs: filterOf(eth0, netlink.HANDLE_MIN_INGRESS, 2)}))
	k.must(k.FilterAdd(&netlink.U32{FilterAttrs: filterOf(eth0, netlink.HANDLE_MIN_EGRESS, 1)}))
	addClassicBPF(t, n, eth1, 7)
	u32 := Program{Interface: eth0.Attrs().Index, Kind: "tc ingress", Name: "u32"}
	expectProgramsOrRefusal(t, n, u32, u32, Program{Interface: eth1.Attrs().Index, Kind: "tc ingress", Name: "bpf"})
}

// Without privileges what may be seen is, and the error says what may not.
func TestReadProgramsUnprivileged(t *testing.T) {
	n, k, eth0, _ := twoLinks(t)
	addQdisc(t, k, eth0, true)
	k.must(k.FilterAdd(&netlink.U32{FilterAttrs: filterOf(eth0, netlink.HANDLE_MIN_INGRESS, 1)}))
	index := eth0.Attrs().Index
	if err := n.Do(func() error {
		if err := withoutCapabilities(); err != nil {
			return err
		}
		got, err := ReadPrograms([]Link{{Index: index, Name: "eth0"}})
		if want := []Program{{Interface: index, Kind: "tc ingress", Name: "u32"}}; !slices.Equal(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "tcx programs of eth0") {
			t.Errorf("error %v", err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// One too many is an error, beside the first.
func TestReadFiltersBounded(t *testing.T) {
	n, k, eth0, _ := twoLinks(t)
	addQdisc(t, k, eth0, true)
	for priority := range uint16(3) {
		k.must(k.FilterAdd(&netlink.U32{FilterAttrs: filterOf(eth0, netlink.HANDLE_MIN_INGRESS, 1+priority)}))
	}
	if err := n.Do(func() error {
		for already, want := range map[int]error{MaxPrograms - 3: nil, MaxPrograms - 2: errPrograms, MaxPrograms: errPrograms} {
			s, err := openStream(unix.NETLINK_ROUTE)
			if err != nil {
				return err
			}
			defer s.Close()
			all, err := appendFilters(make([]Program, already), s, eth0.Attrs().Index)
			if !errors.Is(err, want) || len(all) != MaxPrograms {
				t.Errorf("three more than %d: %d, %v, want error %v", already, len(all), err, want)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// A link that has gone has no programs.
func TestReadProgramsOfNoLink(t *testing.T) {
	n := labtest.Node(t, "host")
	if err := n.Do(func() error {
		p, err := ReadPrograms([]Link{{Index: 4711, Name: "gone"}})
		if len(p) > 0 || err != nil && !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%+v, %v", p, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
