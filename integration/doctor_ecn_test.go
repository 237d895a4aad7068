package integration

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Packets of one flow that differ in nothing but their ECN bits take two ways, for
// marks are made of the whole TOS byte: doctor names the rule that selects by them.
func TestDoctorOfECNInTheHash(t *testing.T) {
	e := newEdge(t, lab.Options{}, "")
	side := addSide(t, e.Node)
	e.must(e.Handle().LinkSetARPOff(side)) // nobody is there to say where the client is
	e.add(netlink.Route{LinkIndex: side.Attrs().Index, Table: 1000, Dst: ipNetOf(anywhere(lab.IPv4)), Scope: netlink.SCOPE_LINK})
	before := e.doctor().told()

	const ect0 = 0x02
	e.markByTOS()
	rule := netlink.NewRule()
	rule.Family, rule.Priority, rule.Table = netlink.FAMILY_V4, 100, 1000
	rule.Mark = binary.NativeEndian.Uint32([]byte{ect0, 0, 0, 0})
	e.must(e.Handle().RuleAdd(rule))

	ways := map[string]*lab.Tap{
		"the usual way": labtest.TapWith(t, e.lab.Router, e.lab.RouterInterface(0), lab.TapOptions{All: true}),
		"the other way": labtest.TapWith(t, e.Node, "side1", lab.TapOptions{All: true}),
	}
	client := e.lab.ClientAddr(lab.IPv4, 0)
	to := netip.AddrPortFrom(client, 53).String()
	listener, err := e.lab.Client.ListenPacket(t.Context(), "udp", to)
	e.must(err)
	defer listener.Close()
	c, err := e.Dial(t.Context(), "udp", to)
	e.must(err)
	defer c.Close()
	for _, tos := range []int{0, ect0} {
		e.must(setTOS(c, tos))
		_, err := c.Write([]byte{0})
		e.must(err)
	}
	for name, tap := range ways {
		labtest.Eventually(t, 5*time.Second, "one packet of two goes "+name, func() error {
			if n := len(toward(tap.Frames(), client)); n != 1 {
				return fmt.Errorf("%d do", n)
			}
			return nil
		})
	}
	if diff := cmp.Diff([]string{"warning ecn-multipath ip rule 100"}, without(e.doctor().told(), before)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// markByTOS marks what the host sends by the whole TOS byte, which is the first one of
// the mark in the host's order.
func (e edge) markByTOS() {
	e.t.Helper()
	e.must(e.Do(func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		table := conn.AddTable(&nftables.Table{Name: "marks", Family: nftables.TableFamilyIPv4})
		output := conn.AddChain(&nftables.Chain{
			Name: "output", Table: table, Type: nftables.ChainTypeRoute,
			Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityMangle,
		})
		conn.AddRule(&nftables.Rule{Table: table, Chain: output, Exprs: []expr.Any{
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 1, Len: 1},
			&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1},
		}})
		return conn.Flush()
	}))
}

func setTOS(c net.Conn, tos int) error {
	raw, err := c.(*net.UDPConn).SyscallConn()
	if err != nil {
		return err
	}
	var refused error
	err = raw.Control(func(fd uintptr) { refused = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TOS, tos) })
	return errors.Join(err, refused)
}
