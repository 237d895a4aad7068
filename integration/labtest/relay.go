//go:build linux

package labtest

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
)

// Where a ptbrelay with default settings answers on its node.
const (
	MetricsURL = "http://localhost:7690/metrics"
	ReadyURL   = "http://localhost:7690/readyz"
)

// StartRelay runs ptbrelay on a server's eth0, with default settings and these
// arguments, and returns when it captures.
func StartRelay(t testing.TB, server *lab.Node, args ...string) *lab.Process {
	t.Helper()
	return startCapturing(t, server, append([]string{"run", "--interface", "eth0"}, args...)...)
}

// startCapturing runs ptbrelay and returns when it says that it captures.
func startCapturing(t testing.TB, server *lab.Node, args ...string) *lab.Process {
	t.Helper()
	p := Start(t, server, args...)
	Eventually(t, 10*time.Second, "ptbrelay captures on "+server.Name(), func() error {
		select {
		case <-p.Exited():
			t.Fatalf("ptbrelay on %s ended: %s", server.Name(), p.Log())
		default:
		}
		status, _, err := get(t.Context(), server, ReadyURL)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("readyz answers %d", status)
		}
		return err
	})
	return p
}

// StartRelays does that on every server.
func StartRelays(t testing.TB, l *lab.Lab, args ...string) {
	t.Helper()
	for _, s := range l.Servers {
		StartRelay(t, s, args...)
	}
}

// MAC is the address of a node's interface.
func MAC(t testing.TB, n *lab.Node, iface string) [6]byte {
	t.Helper()
	link, err := n.Handle().LinkByName(iface)
	if err != nil {
		t.Fatal(err)
	}
	return [6]byte(link.Attrs().HardwareAddr)
}

// FrameTo puts an IP packet into an Ethernet frame from the router to a server.
func FrameTo(t testing.TB, l *lab.Lab, server int, packet []byte) []byte {
	t.Helper()
	return Ethernet(MAC(t, l.Servers[server], "eth0"), MAC(t, l.Router, l.RouterInterface(server)), packet)
}

// Broadcast is the MAC address of everybody.
var Broadcast = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// Ethernet puts an IP packet into a frame.
func Ethernet(to, from [6]byte, packet []byte) []byte {
	etherType := uint16(unix.ETH_P_IP)
	if packet[0]>>4 == 6 {
		etherType = unix.ETH_P_IPV6
	}
	frame := binary.BigEndian.AppendUint16(slices.Concat(to[:], from[:]), etherType)
	return append(frame, packet...)
}

// FromRouter sends an IP packet to a server as the router does.
func FromRouter(t testing.TB, l *lab.Lab, server int, packet []byte) {
	t.Helper()
	if err := l.Router.SendFrame(l.RouterInterface(server), FrameTo(t, l, server, packet)); err != nil {
		t.Fatal(err)
	}
}
