package integration

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"ptbrelay/classify/classifytest"
	"ptbrelay/config"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/control"
)

// endedBy is what commands say of a daemon that ends while they listen to it.
const endedBy = "ptbrelay: the daemon at /run/ptbrelay/control.sock ended the connection\n"

// Under a flood a rare message is found, each watcher sees its own, one who does
// not read is dropped, and what is shown and what is not are all that there was.
func TestWatchInFlood(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	relay := labtest.StartRelay(t, server)
	shown := startTally(t, server)
	rare := startWatch(t, server, "--verdict", "mtu-too-small")
	some := netip.MustParsePrefix("2001:db8:a400::/38") // of what is relayed, one in 64
	relayed := startWatch(t, server, "--outcome", "relayed", "--client", some.String(), "--format", "json")
	client := startWatch(t, server, "--client", "203.0.113.9", "--format", "json")
	stalled := startWatch(t, server)
	awaitConnections(t, server, 5)
	stalled.signal(syscall.SIGSTOP)
	t.Cleanup(func() { _ = stalled.Signal(syscall.SIGCONT) }) // it may have ended

	sent := 0.0
	send := func(ptb classifytest.PTB) func() {
		return func() {
			labtest.FromRouter(t, l, 0, ptb.Bytes())
			sent++
		}
	}
	rain := startFlood(t, l, 0)
	rare.shows(" 300 ", send(classifytest.PTB{MTU: 300}))
	client.shows("203.0.113.9", send(classifytest.PTB{Client: netip.MustParseAddr("203.0.113.9")}))
	awaitConnections(t, server, 4)
	rare.shows(" 301 ", send(classifytest.PTB{MTU: 301}))
	sent += rain.pour(0)
	settle(t, server, func() float64 { return sent }, send(classifytest.PTB{}))
	checkLaws(t, server)
	shown.check(sum(metricsOf(t, server), "ptbrelay_received_total"))

	for _, row := range rare.rows() {
		if row[2] != "mtu-too-small" {
			t.Errorf("among what is too small: %v", row)
		}
	}
	relayed.check("what was relayed about some clients", func(e control.Event) bool {
		return e.From == control.Wire && some.Contains(e.Client) && e.Verdict == "eligible" && e.Outcome == "relayed"
	})
	client.check("what is about one client", func(e control.Event) bool {
		return e.Client.String() == "203.0.113.9" && e.VIP == classifytest.VIP4 && e.Family == "ipv4"
	})

	rare.signal(syscall.SIGINT)
	rare.ends(0, "")
	stalled.signal(syscall.SIGCONT)
	stalled.ends(1, endedBy)
	labtest.Stop(t, relay)
	client.ends(1, endedBy)
	relayed.ends(1, endedBy)
}

// With udp both ends of a copy are seen: what became of the PTB where it came in
// from the wire, and what at a member that got the copy, with the peer's address.
func TestWatchBothEnds(t *testing.T) {
	l, _ := startGroup(t, config.TransportUDP, lab.Options{Clients: 1})
	here, there := startWatch(t, l.Servers[0]), startWatch(t, l.Servers[1], "--outcome", "injected")
	for _, s := range l.Servers[:2] {
		awaitConnections(t, s, 1)
	}
	for _, ptb := range ptbs(45000) {
		labtest.FromRouter(t, l, 0, ptb.Bytes())
	}
	from := l.ServerAddr(lab.IPv4, 0).String()
	for _, c := range []struct {
		watch  watcher
		became []string
	}{
		{here, []string{"wire", "relayed", "1400", "tcp"}},
		{there, []string{from, "injected", "1400", "tcp"}},
	} {
		c.watch.shows("[2001:db8:ffff::1]:443", func() {})
		c.watch.shows(" 192.0.2.1:443", func() {})
		for _, row := range c.watch.rows() {
			if got := row[1:5]; fmt.Sprint(got) != fmt.Sprint(c.became) {
				t.Errorf("shown %v, want %v", got, c.became)
			}
		}
		if n := len(c.watch.rows()); n != 2 {
			t.Errorf("%d messages shown, want 2:\n%s", n, c.watch.Log())
		}
	}
}

// awaitConnections waits until a daemon has so many connections on its control
// socket.
func awaitConnections(t testing.TB, n *lab.Node, want int) {
	t.Helper()
	labtest.Eventually(t, 10*time.Second, fmt.Sprintf("%d connections", want), func() error {
		var sockets []byte
		err := n.Do(func() (err error) {
			sockets, err = os.ReadFile("/proc/thread-self/net/unix")
			return err
		})
		if err != nil {
			return err
		}
		got := 0
		for line := range strings.Lines(string(sockets)) {
			const state, connected, path = 5, "03", 7 // unix_seq_show in net/unix/af_unix.c
			columns := strings.Fields(line)
			if len(columns) > path && columns[state] == connected && columns[path] == config.Default().Control {
				got++
			}
		}
		if got != want {
			return fmt.Errorf("there are %d", got)
		}
		return nil
	})
}
