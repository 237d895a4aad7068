package integration

import (
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Copies of other relays that look like PTBs of routers, as the page about migrating
// says: addressed to this host, with the VIP kept, or out of a tunnel of this host. Each
// server that gets one relays it once, and then it is a duplicate. (Broadcasts of other
// relays: TestForeignRelaysMakeNoLoop.)
func TestMigratingCopies(t *testing.T) {
	t.Parallel() // it waits more than it works

	const old = 0 // the server that still runs another relay
	for name, send := range map[string]func(t *testing.T, l *lab.Lab, to int, packet []byte){
		"to this host": func(t *testing.T, l *lab.Lab, to int, packet []byte) { unicast(t, l, old, to, packet) },
		"by a tunnel":  outOfTunnel,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := labtest.New(t, lab.Options{Clients: 1})
			members := []int{1, 2}
			for _, i := range members {
				labtest.StartRelay(t, l.Servers[i])
			}
			w := watchWire(t, l)
			for _, ptb := range ptbs(44400) {
				for _, i := range members {
					send(t, l, i, ptb.Bytes())
				}
				w.expect(len(members))
				for _, i := range members {
					await(t, l.Servers[i], outcomeMetric(ptb.Family.String(), "relayed"), 1)
				}
			}
			for _, i := range members {
				checkReceived(t, l.Servers[i], float64(len(lab.Families())))
			}
		})
	}
}

// unicast sends a packet from one server to another's Ethernet address, as the l2
// backend of go-pmtud does.
func unicast(t *testing.T, l *lab.Lab, from, to int, packet []byte) {
	t.Helper()
	frame, source := labtest.FrameTo(t, l, to, packet), labtest.MAC(t, l.Servers[from], "eth0")
	copy(frame[6:], source[:])
	if err := l.Servers[from].SendFrame("eth0", frame); err != nil {
		t.Fatal(err)
	}
}

// outOfTunnel has a packet come out of a TUN device of a server: as go-pmtud's udp
// backend injects it, and as what IPIP brings comes out of tunl0.
func outOfTunnel(t *testing.T, l *lab.Lab, to int, packet []byte) {
	t.Helper()
	tunnel := &netlink.Tuntap{
		LinkAttrs: netlink.LinkAttrs{Name: "pmtud0"}, Mode: netlink.TUNTAP_MODE_TUN,
		Flags: unix.IFF_TUN | unix.IFF_NO_PI, Queues: 1,
	}
	if err := l.Servers[to].Do(func() error { return netlink.LinkAdd(tunnel) }); err != nil {
		if errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) {
			t.Skipf("no TUN device may be made here: %v", err)
		}
		t.Fatal(err)
	}
	defer func() { _ = tunnel.Fds[0].Close() }() // and the device is gone
	link, err := l.Servers[to].Handle().LinkByName(tunnel.Name)
	if err == nil {
		err = l.Servers[to].Handle().LinkSetUp(link)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tunnel.Fds[0].Write(packet); err != nil {
		t.Fatal(err)
	}
}

// With the page's rules for large groups, nothing that comes out of those tunnels is
// relayed, and what comes by the wire is.
func TestMigratingWithoutTunnels(t *testing.T) {
	t.Parallel()
	requireProgram(t, "nft")
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	command := blocks(chapter(t, migratingPage, "Both at once"), "console")[0]
	if code, printed := newAdmin(t).on(l.Servers[0], command, ""); code != 0 {
		t.Fatalf("%s: exit code %d:\n%s", command, code, printed)
	}
	labtest.StartRelay(t, l.Servers[0], "--config", writeConfig(t, "rules: {manage: false}\n"))
	w := watchWire(t, l)
	ptb := ptbs(44410)[slices.Index(lab.Families(), lab.IPv4)]
	outOfTunnel(t, l, 0, ptb.Bytes())
	labtest.FromRouter(t, l, 0, ptb.Bytes())
	w.expect(1)
	await(t, l.Servers[0], outcomeMetric(classify.IPv4.String(), "relayed"), 1)
	checkReceived(t, l.Servers[0], 1)
}
