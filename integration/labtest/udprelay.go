//go:build linux

package labtest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ptbrelay/integration/lab"
)

const (
	// KeyFile is where the daemons of [UDPRelays] find their keys; every server
	// has its own /run.
	KeyFile = "/run/ptbrelay.keys"
	// peersUp is the metric that says how many peers of the command line are
	// heard.
	peersUp = `ptbrelay_peers{source="static",state="up"}`
)

// Key is number n of any number of keys for udp, from 0 on, as a line of a key
// file.
func Key(n uint8) string { return strings.Repeat(fmt.Sprintf("%02x", n+1), 32) }

// WriteKeys makes a server's [KeyFile]: the first key seals, all open.
func WriteKeys(t testing.TB, server *lab.Node, keys ...string) {
	t.Helper()
	if err := server.WriteFile(KeyFile, []byte(strings.Join(keys, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// UDPRelays runs ptbrelay on every server, with these arguments, transport udp,
// one key for all, and as peers all servers' addresses of a family, and returns
// when all capture and hear each other.
func UDPRelays(t testing.TB, l *lab.Lab, f lab.Family, args ...string) []*lab.Process {
	t.Helper()
	var relays []*lab.Process
	for _, s := range l.Servers {
		WriteKeys(t, s, Key(0))
		relays = append(relays, StartUDPRelay(t, s, append(Peers(l, f), args...)...))
	}
	AwaitPeers(t, l)
	return relays
}

// StartUDPRelay runs ptbrelay on a server with transport udp, the keys of its
// [KeyFile] and these arguments, and returns when it captures.
func StartUDPRelay(t testing.TB, server *lab.Node, args ...string) *lab.Process {
	t.Helper()
	return startCapturing(t, server, append([]string{"run", "--transport", "udp", "--key-file", KeyFile}, args...)...)
}

// Peers are the arguments that name all servers' addresses of a family as
// peers. A daemon leaves its own out.
func Peers(l *lab.Lab, f lab.Family) (args []string) {
	for i := range l.Servers {
		args = append(args, "--peer", l.ServerAddr(f, i).String())
	}
	return args
}

// AwaitPeers waits until the daemon on every server hears those on all others.
func AwaitPeers(t testing.TB, l *lab.Lab) {
	t.Helper()
	want := float64(len(l.Servers) - 1)
	for _, s := range l.Servers {
		Eventually(t, 20*time.Second, "ptbrelay on "+s.Name()+" hears its peers", func() error {
			m, err := TryMetrics(t.Context(), s, MetricsURL)
			if err == nil && m[peersUp] != want {
				err = fmt.Errorf("%v of %v", m[peersUp], want)
			}
			return err
		})
	}
}
