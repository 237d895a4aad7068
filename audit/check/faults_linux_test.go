package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	nflog "github.com/florianl/go-nflog/v2"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/audit/host"
	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// within bounds the wait for what a kernel does, quiet that for what it must not.
const (
	within = 5 * time.Second
	quiet  = 50 * time.Millisecond
)

var (
	edgeMAC = [6]byte{2, 0, 0x5e, 0, 0, 1}
	wireMAC = [6]byte{2, 0, 0x5e, 0, 0, 2}
	allMACs = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

// server is an edge server with its VIPs on lo. What is sent on wire0 comes in by
// eth0, the way to clients; the routers of classifytest it would answer by eth1.
type server struct {
	*lab.Node
	t *testing.T
}

func newServer(t *testing.T) server {
	t.Helper()
	s := server{labtest.Node(t, "edge"), t}
	for i, pair := range [][2]string{{"eth0", "wire0"}, {"eth1", "wire1"}} {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = pair[0]
		if i == 0 {
			attrs.HardwareAddr = edgeMAC[:]
		}
		s.must(s.Handle().LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: pair[1]}))
		for _, name := range pair {
			s.must(s.Handle().LinkSetUp(s.link(name)))
		}
		for _, name := range pair {
			s.awaitCarrier(name)
		}
	}
	labtest.HoldAddresses(t, s.Node, classifytest.VIP4, classifytest.VIP6)
	s.route("0.0.0.0/0", "eth0")
	s.route("198.51.100.0/24", "eth1")
	for _, name := range []string{"all", "eth0"} { // a new namespace may begin with its parent's
		s.set("net/ipv4/conf/"+name+"/rp_filter", "0")
	}
	return s
}

func (s server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s server) link(name string) netlink.Link {
	s.t.Helper()
	l, err := s.Handle().LinkByName(name)
	s.must(err)
	return l
}

func (s server) awaitCarrier(name string) {
	s.t.Helper()
	labtest.Eventually(s.t, within, name+" has carrier", func() error {
		if state := s.link(name).Attrs().OperState; state != netlink.OperUp {
			return fmt.Errorf("it is %v", state)
		}
		return nil
	})
}

func (s server) route(prefix, iface string) {
	s.t.Helper()
	p := netip.MustParsePrefix(prefix)
	s.must(s.Handle().RouteAdd(&netlink.Route{
		LinkIndex: s.link(iface).Attrs().Index, Scope: netlink.SCOPE_LINK,
		Dst: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())},
	}))
}

func (s server) set(path, value string) {
	s.t.Helper()
	s.must(s.SetSysctl(path, value))
}

// examine reads the host and has one check look at it.
func (s server) examine(id string) (found []Finding) {
	s.t.Helper()
	s.must(s.Do(func() error {
		f := Read(Expect{Transport: Broadcast, Interfaces: []string{"eth0"}, Groups: []uint16{33}})
		found = examine(s.t, id, &f)
		return nil
	}))
	return found
}

// expect has the check say that of that subject; what it says of others is left
// alone.
func (s server) expect(id string, want Severity, subject string) Finding {
	s.t.Helper()
	found := s.examine(id)
	i := slices.IndexFunc(found, func(f Finding) bool { return f.Severity == want && f.Subject == subject })
	if i < 0 {
		s.t.Fatalf("%s: %+v, want %s about %q", id, found, want, subject)
	}
	return found[i]
}

// mend does what a command of sysctl(8) does.
func (s server) mend(command string) {
	s.t.Helper()
	settings, ok := strings.CutPrefix(command, "sysctl -w ")
	if !ok {
		s.t.Fatalf("%q is no command of sysctl", command)
	}
	for _, word := range strings.Fields(settings) {
		name, value, _ := strings.Cut(word, "=")
		s.set(sysctlName(name), value) // the exchange of dots and slashes is its own inverse
	}
}

// counter is the kernel's count of PTBs.
func counter(f classify.Family) string {
	if f == classify.IPv6 {
		return "Icmp6InPktTooBigs"
	}
	return "IcmpInDestUnreachs"
}

func (s server) count(name string) uint64 {
	s.t.Helper()
	counters, err := s.Counters()
	s.must(err)
	return counters[name]
}

// send puts a PTB on the wire.
func (s server) send(to [6]byte, p classifytest.PTB) {
	s.t.Helper()
	etherType := []byte{0x08, 0x00}
	if p.Family == classify.IPv6 {
		etherType = []byte{0x86, 0xdd}
	}
	s.must(s.SendFrame("wire0", slices.Concat(to[:], wireMAC[:], etherType, p.Bytes())))
}

// expectHeard sends a PTB and one behind it that the kernel takes in any case, and
// has the kernel count the first or not.
func (s server) expectHeard(to [6]byte, p classifytest.PTB, heard bool) {
	s.t.Helper()
	name := counter(p.Family)
	before, want := s.count(name), uint64(1)
	if heard {
		want = 2
	}
	s.send(to, p)
	p.Router = netip.Addr{}
	if p.Family != classify.IPv6 {
		p.Router = classifytest.Client4 // it would be answered by eth0
	}
	s.send(edgeMAC, p)
	counts := func() error {
		if n := s.count(name) - before; n != want {
			return fmt.Errorf("%s counted %d, want %d", name, n, want)
		}
		return nil
	}
	labtest.Eventually(s.t, within, "PTBs are counted", counts)
	labtest.Quiet(s.t, quiet, "PTBs are counted", counts)
}

// TestKernelRPFilter compares the check with what the kernel does to a PTB of a
// router that is not reached by the interface it comes in by.
func TestKernelRPFilter(t *testing.T) {
	for name, numbered := range map[string]bool{"with an address": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			if numbered {
				address, err := netlink.ParseAddr("203.0.113.200/24")
				s.must(err)
				s.must(s.Handle().AddrAdd(s.link("eth0"), address))
			}
			for all := range 3 {
				for own := range 3 {
					s.compareRPFilter(all, own, numbered)
				}
			}
		})
	}
}

// compareRPFilter sets the filters, has the kernel drop or take the PTB, the check
// tell which, and its mending help.
func (s server) compareRPFilter(all, own int, numbered bool) {
	s.t.Helper()
	for _, name := range []string{"eth1", "wire0", "wire1"} {
		s.set("net/ipv4/conf/"+name+"/rp_filter", "0")
	}
	s.set("net/ipv4/conf/all/rp_filter", strconv.Itoa(all))
	s.set("net/ipv4/conf/eth0/rp_filter", strconv.Itoa(own))
	drops := max(all, own) == 1 || max(all, own) == 2 && !numbered
	s.expectHeard(edgeMAC, classifytest.PTB{}, !drops)
	if !drops {
		s.expectNothing("rp-filter", "eth0")
		return
	}
	s.mend(s.expect("rp-filter", Warning, "eth0").Mend)
	s.expectHeard(edgeMAC, classifytest.PTB{}, true)
	s.expectNothing("rp-filter", "eth0")
}

// expectNothing has the check say nothing of that subject.
func (s server) expectNothing(id, subject string) {
	s.t.Helper()
	for _, f := range s.examine(id) {
		if f.Subject == subject {
			s.t.Errorf("%s: %+v", id, f)
		}
	}
}

// TestKernelBroadcastDropped compares the check with what the kernel does to copies
// in broadcast frames.
func TestKernelBroadcastDropped(t *testing.T) {
	tests := []struct {
		path          string
		heard, heard6 bool
	}{
		{dropAll4, false, true},
		{dropOwn4, false, true},
		{dropAll6, true, true},
		{dropOwn6, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			s := newServer(t)
			expectHeard := func(heard4, heard6 bool) {
				t.Helper()
				s.expectHeard(allMACs, classifytest.PTB{}, heard4)
				s.expectHeard(allMACs, classifytest.PTB{Family: classify.IPv6}, heard6)
			}
			expectHeard(true, true)
			s.expect("broadcast-dropped", OK, "")
			s.set(tt.path, "1")
			expectHeard(tt.heard, tt.heard6)
			if tt.heard && tt.heard6 {
				s.expect("broadcast-dropped", OK, "")
				return
			}
			s.mend(s.expect("broadcast-dropped", Error, "eth0").Mend)
			expectHeard(true, true)
			s.expect("broadcast-dropped", OK, "")
		})
	}
}

// TestKernelPMTUDisabled compares the check with whether new sockets send with DF.
func TestKernelPMTUDisabled(t *testing.T) {
	s := newServer(t)
	discovery := func() (mode int) {
		t.Helper()
		s.must(s.Do(func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			mode, err = unix.GetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER)
			return err
		}))
		return mode
	}
	for mode := 3; mode > 0; mode-- {
		s.set("net/ipv4/ip_no_pmtu_disc", strconv.Itoa(mode))
		if got := discovery(); got != unix.IP_PMTUDISC_DONT {
			t.Errorf("in mode %d sockets have IP_MTU_DISCOVER %d", mode, got)
		}
		s.mend(s.expect("pmtu-disabled", Warning, "").Mend)
		if got := discovery(); got != unix.IP_PMTUDISC_WANT {
			t.Errorf("mended, sockets have IP_MTU_DISCOVER %d", got)
		}
		s.expect("pmtu-disabled", OK, "")
	}
}

// TestKernelPMTUFloor compares the check with the path MTU that the kernel learns of
// a PTB that reports 300 bytes.
func TestKernelPMTUFloor(t *testing.T) {
	s := newServer(t)
	if _, err := s.Sysctl(minPMTU); errors.Is(err, os.ErrNotExist) {
		t.Skip("this kernel has min_pmtu in the first network namespace only")
	}
	s.must(s.Do(func() error { // a socket that UDP PTBs are for
		c, err := net.ListenPacket("udp4", netip.AddrPortFrom(classifytest.VIP4, 53).String())
		if err == nil {
			t.Cleanup(func() { _ = c.Close() })
		}
		return err
	}))
	learns := func(client string, want uint32) {
		t.Helper()
		to := netip.MustParseAddr(client)
		s.send(edgeMAC, classifytest.PTB{Protocol: classify.UDP, VIPPort: 53, Client: to, MTU: 300})
		labtest.Eventually(t, within, "the path MTU is learned", func() error {
			return s.Do(func() error {
				q, err := host.OpenQuery()
				if err != nil {
					return err
				}
				defer q.Close()
				r, err := q.Route(host.RouteRequest{Destination: to, Source: classifytest.VIP4})
				if err == nil && r.MTU != want {
					err = fmt.Errorf("it is %d, want %d", r.MTU, want)
				}
				return err
			})
		})
	}
	unmended := func() (found []Finding) { // not what this namespace does not show
		return slices.DeleteFunc(s.examine("pmtu-floor"), func(f Finding) bool { return f.Severity != Warning })
	}
	if found := unmended(); len(found) > 0 {
		t.Errorf("%+v on a host by default", found)
	}
	learns("203.0.113.10", 552)
	s.set(minPMTU, "200")
	s.set(expires4, "30")
	learns("203.0.113.11", 300)
	for _, f := range unmended() {
		s.mend(f.Mend)
	}
	learns("203.0.113.12", 552)
	if found := unmended(); len(found) > 0 {
		t.Errorf("%+v on a host that was mended", found)
	}
	if value, err := s.Sysctl(expires4); err != nil || value != "600" {
		t.Errorf("mended, mtu_expires is %s, %v", value, err)
	}
}

func TestKernelMTUProbing(t *testing.T) {
	s := newServer(t)
	s.set("net/ipv4/tcp_mtu_probing", "0")
	s.mend(s.expect("mtu-probing", Info, "").Mend)
	s.expect("mtu-probing", OK, "")
}

// matchICMP matches ICMP of a type, of the family of a PTB's.
func matchICMP(protocol, kind byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{protocol}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Len: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{kind}},
	}
}

// TestKernelICMPFiltered: the rule that the check names has dropped the PTB.
func TestKernelICMPFiltered(t *testing.T) {
	tests := map[string]struct {
		ptb   classifytest.PTB
		match []expr.Any
	}{
		"IPv4": {classifytest.PTB{Router: classifytest.Client4}, matchICMP(unix.IPPROTO_ICMP, 3)},
		"IPv6": {classifytest.PTB{Family: classify.IPv6}, matchICMP(unix.IPPROTO_ICMPV6, 2)},
	}
	for family, tt := range tests {
		t.Run(family, func(t *testing.T) {
			s := newServer(t)
			s.expect("icmp-filtered", OK, "")
			labtest.Drop(t, s.Node, tt.match)
			s.send(edgeMAC, tt.ptb)
			labtest.Eventually(t, within, "the PTB is dropped", func() error {
				if n := labtest.Dropped(t, s.Node); n != 1 {
					return fmt.Errorf("%d packets are", n)
				}
				return nil
			})
			found := s.examine("icmp-filtered")
			if len(found) != 1 || found[0].Severity != Error || !strings.HasPrefix(found[0].Subject, "inet firewall input, rule 1 ") ||
				!strings.Contains(found[0].Why, "every PTB ("+family+", by eth0)") || !strings.HasPrefix(found[0].Mend, "nft 'insert rule inet firewall input icmp") {
				t.Errorf("%+v", found)
			}
			s.expect("conntrack-invalid-drop", OK, "")
		})
	}
}

// TestKernelConntrackInvalidDrop: the rule that the check names has dropped a PTB
// about a flow that conntrack does not know.
func TestKernelConntrackInvalidDrop(t *testing.T) {
	s := newServer(t)
	s.expect("conntrack-invalid-drop", OK, "")
	labtest.Drop(t, s.Node, labtest.CTInvalid())
	s.send(edgeMAC, classifytest.PTB{Router: classifytest.Client4})
	s.send(edgeMAC, classifytest.PTB{Family: classify.IPv6})
	labtest.Eventually(t, within, "the PTBs are dropped", func() error {
		if n := labtest.Dropped(t, s.Node); n != 2 {
			return fmt.Errorf("%d packets are", n)
		}
		return nil
	})
	found := s.examine("conntrack-invalid-drop")
	if len(found) != 1 || found[0].Severity != Warning || !strings.HasPrefix(found[0].Subject, "inet firewall input, rule 1 ") ||
		!strings.Contains(found[0].Why, " (IPv4 and IPv6, by eth0) are dropped") {
		t.Errorf("%+v", found)
	}
	s.expect("icmp-filtered", OK, "")
}

func TestKernelBPFBeforeUs(t *testing.T) {
	s := newServer(t)
	told := func() bool {
		return slices.ContainsFunc(s.examine("bpf-before-us"), func(f Finding) bool {
			return f.Severity == Info && f.Subject == "eth0" && f.Read == "tc ingress u32"
		})
	}
	if told() {
		t.Error("found on a host without")
	}
	index := s.link("eth0").Attrs().Index
	s.must(s.Handle().QdiscAdd(&netlink.Ingress{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_INGRESS}}))
	s.must(s.Handle().FilterAdd(&netlink.U32{FilterAttrs: netlink.FilterAttrs{
		LinkIndex: index, Parent: netlink.MakeHandle(0xffff, 0), Priority: 1, Protocol: unix.ETH_P_IP}}))
	if !told() {
		t.Errorf("not found: %+v", s.examine("bpf-before-us"))
	}
	s.must(s.Handle().LinkSetDown(s.link("eth0")))
	if told() {
		t.Error("found on an interface that is down")
	}
}

func TestKernelNFLOGBusy(t *testing.T) {
	s := newServer(t)
	s.expect("nflog-busy", OK, "")
	ctx, cancel := context.WithCancel(t.Context())
	var nf *nflog.Nflog
	s.must(s.Do(func() (err error) {
		nf, err = nflog.Open(&nflog.Config{Group: 33, Copymode: nflog.CopyPacket})
		return err
	}))
	t.Cleanup(func() {
		cancel() // before Close, which would hang
		if err := nf.Close(); err != nil {
			t.Error(err)
		}
	})
	s.must(nf.RegisterWithErrorFunc(ctx, func(nflog.Attribute) int { return 0 }, func(error) int { return 1 }))
	// The owner is this process, so it is no other one.
	want := fmt.Sprintf("NFLOG group 33 is ptbrelay's own (process %d)", os.Getpid())
	if got := s.expect("nflog-busy", OK, ""); got.Read != want {
		t.Errorf("%s, want %s", got.Read, want)
	}
}

// TestKernelClock compares with the state that adjtimex returns, which the check does
// not look at.
func TestKernelClock(t *testing.T) {
	s := newServer(t)
	const timeError = 5 // TIME_ERROR: not synchronised
	state, err := unix.Adjtimex(&unix.Timex{})
	if err != nil {
		t.Skipf("adjtimex is refused here: %v", err)
	}
	want := OK
	if state == timeError {
		want = Warning
	}
	s.must(s.Do(func() error {
		f := Read(Expect{Transport: UDP})
		if found := examine(t, "clock", &f); len(found) != 1 || found[0].Severity != want {
			t.Errorf("%+v, want %s", found, want)
		}
		return nil
	}))
	s.expect("clock", OK, "") // of no matter to broadcast
}

func TestKernelCounters(t *testing.T) {
	s := newServer(t)
	for range 3 {
		s.expectHeard(edgeMAC, classifytest.PTB{Router: classifytest.Client4}, true)
	}
	s.expectHeard(edgeMAC, classifytest.PTB{Family: classify.IPv6}, true)
	read := s.expect("counters", OK, "").Read
	for _, want := range []string{"IcmpInDestUnreachs 6 ", "Icmp6InPktTooBigs 2,", "TcpExtOutOfWindowIcmps 0,"} {
		if !strings.Contains(read, want) {
			t.Errorf("%q in %q is missing", want, read)
		}
	}
}
