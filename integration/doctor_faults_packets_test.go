package integration

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables/expr"
	mdnetlink "github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/audit/host"
	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// packetFaults are those of what packets meet, and of what they leave behind.
func packetFaults() []fault {
	return slices.Concat(filterFaults(), captureFaults(), memoryFaults(), clockFaults())
}

func filterFaults() []fault {
	const rule = "inet firewall input, rule 1 (handle 2)"
	drop := func(matches ...[]expr.Any) func(edge) func() {
		return func(e edge) func() {
			labtest.Drop(e.t, e.Node, matches...)
			return nil
		}
	}
	return []fault{
		{
			id: "conntrack-invalid-drop", name: "both families",
			commit: drop(labtest.CTInvalid()),
			told:   []string{"warning conntrack-invalid-drop " + rule},
		},
		{
			id: "icmp-filtered", name: "IPv4",
			commit: drop(lab.MatchPTB(lab.IPv4)),
			told:   []string{"error icmp-filtered " + rule},
		},
		{
			id: "icmp-filtered", name: "IPv6",
			commit: drop(lab.MatchPTB(lab.IPv6)),
			told:   []string{"error icmp-filtered " + rule},
		},
		{
			id: "bpf-before-us", name: "tc",
			commit: func(e edge) func() {
				place := netlink.QdiscAttrs{LinkIndex: e.index(), Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_INGRESS}
				ingress := &netlink.Ingress{QdiscAttrs: place}
				e.must(e.Handle().QdiscAdd(ingress))
				e.must(e.Handle().FilterAdd(&netlink.U32{FilterAttrs: netlink.FilterAttrs{
					LinkIndex: place.LinkIndex, Parent: place.Handle, Priority: 1, Protocol: unix.ETH_P_IP}}))
				return func() { e.must(e.Handle().QdiscDel(ingress)) }
			},
			told: []string{"info bpf-before-us eth0"},
		},
	}
}

func captureFaults() []fault {
	return []fault{{
		id: "nflog-busy", name: "another's group",
		commit: func(e edge) func() {
			release := e.takeGroup(33)
			want := fmt.Sprintf("(process %d)", os.Getpid())
			if read := e.doctor().of("nflog-busy")[0].read; !strings.HasSuffix(read, want) {
				e.t.Errorf("the owner is %s, want %s", read, want)
			}
			return release
		},
		told: []string{"error nflog-busy NFLOG group 33"},
		seen: func(e edge) bool { return strings.HasPrefix(strings.TrimSpace(groups(e.t, e.Node)), "33 ") },
	}}
}

// takeGroup binds this process to an NFLOG group, as a logging daemon does.
func (e edge) takeGroup(group uint16) (release func()) {
	e.t.Helper()
	const (
		config = unix.NFNL_SUBSYS_ULOG<<8 | 1 // NFULNL_MSG_CONFIG
		bind   = 1                            // NFULA_CFG_CMD, NFULNL_CFG_CMD_BIND
	)
	var conn *mdnetlink.Conn
	e.must(e.Do(func() (err error) {
		conn, err = mdnetlink.Dial(unix.NETLINK_NETFILTER, nil)
		return err
	}))
	e.t.Cleanup(func() { _ = conn.Close() }) // again, where it was released
	header := binary.BigEndian.AppendUint16([]byte{unix.AF_UNSPEC, unix.NFNETLINK_V0}, group)
	attributes, err := mdnetlink.MarshalAttributes([]mdnetlink.Attribute{{Type: bind, Data: []byte{bind}}})
	e.must(err)
	_, err = conn.Execute(mdnetlink.Message{
		Header: mdnetlink.Header{Type: config, Flags: mdnetlink.Request | mdnetlink.Acknowledge},
		Data:   append(header, attributes...),
	})
	e.must(err)
	return func() { e.must(conn.Close()) }
}

func memoryFaults() []fault {
	return []fault{
		{
			id: "exceptions-full", name: "half of the room",
			commit: func(e edge) func() {
				e.fillExceptions(host.ExceptionLimit6 * 5 / 8)
				return func() { // the kernel forgets them with their route
					r := e.defaultRoute(lab.IPv6)
					e.replace(r, r)
				}
			},
			told: []string{"warning exceptions-full IPv6"},
			seen: func(e edge) bool { return e.exceptions() >= host.ExceptionLimit6/2 },
		},
		{
			id: "counters", name: "forged errors",
			commit: func(e edge) func() {
				const forged = 150
				e.hear(forged, e.connect())
				return func() { e.hear(3*forged, classifytest.PTB{}) } // real ones, about flows of others
			},
			told: []string{"info counters"},
			seen: func(e edge) bool { return 2*e.counter("TcpExtOutOfWindowIcmps") > e.counter("IcmpInDestUnreachs") },
		},
	}
}

func (e edge) exceptions() int {
	e.t.Helper()
	n, err := e.Exceptions(lab.IPv6)
	e.must(err)
	return n
}

func (e edge) counter(name string) uint64 {
	e.t.Helper()
	counters, err := e.Counters()
	e.must(err)
	return counters[name]
}

// fillExceptions sends PTBs about flows to that many clients, of which the kernel
// keeps most.
func (e edge) fillExceptions(clients int) {
	e.t.Helper()
	socket, err := e.ListenPacket(e.t.Context(), "udp6", netip.AddrPortFrom(classifytest.VIP6, classifytest.VIPPort).String())
	e.must(err)
	defer socket.Close()
	var frames [][]byte
	for i := range clients {
		client := netip.MustParseAddr(fmt.Sprintf("2001:db8:c::%x", i+1))
		p := classifytest.PTB{Family: classify.IPv6, Protocol: classify.UDP, Client: client}
		frames = append(frames, labtest.FrameTo(e.t, e.lab, 0, p.Bytes()))
	}
	e.must(labtest.Sender(e.t, e.lab.Router, e.lab.RouterInterface(0)).Send(frames))
	labtest.Eventually(e.t, 5*time.Second, "the kernel takes the PTBs", func() error {
		if n := e.counter("Icmp6InPktTooBigs"); n != uint64(clients) {
			return fmt.Errorf("%d of %d", n, clients)
		}
		return nil
	})
}

// connect has the client connect to the VIP and returns a PTB about the connection
// that quotes what was never sent.
func (e edge) connect() classifytest.PTB {
	e.t.Helper()
	l, err := e.Listen(e.t.Context(), "tcp", "192.0.2.1:0")
	e.must(err)
	e.t.Cleanup(func() { _ = l.Close() })
	c, err := e.lab.Client.Dial(e.t.Context(), "tcp", l.Addr().String())
	e.must(err)
	e.t.Cleanup(func() { _ = c.Close() })
	client, vip := netip.MustParseAddrPort(c.LocalAddr().String()), netip.MustParseAddrPort(c.RemoteAddr().String())
	return classifytest.PTB{Client: client.Addr(), ClientPort: client.Port(), VIPPort: vip.Port()}
}

// hear sends PTBs to the server until the kernel has counted all.
func (e edge) hear(count uint64, p classifytest.PTB) {
	e.t.Helper()
	before := e.counter("IcmpInDestUnreachs")
	for range count {
		labtest.FromRouter(e.t, e.lab, 0, p.Bytes())
	}
	labtest.Eventually(e.t, 5*time.Second, "the kernel counts the PTBs", func() error {
		if n := e.counter("IcmpInDestUnreachs") - before; n != count {
			return fmt.Errorf("%d of %d", n, count)
		}
		return nil
	})
}

// clockFaults: the clock is the machine's, so the fault is what is asked of it.
func clockFaults() []fault {
	return []fault{{
		id: "clock", name: "not kept, which udp needs",
		commit: func(e edge) func() {
			if clockKept(e.t) {
				e.t.Skip("this machine's clock is synchronised")
			}
			e.configure(insecureRacks)
			return func() { e.configure("") }
		},
		told: []string{"warning clock"},
	}}
}
