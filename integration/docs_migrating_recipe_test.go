package integration

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/capture"
)

// The page's way to move a group, done as it is written on three servers that relay by
// pmtud, or what stands in for it: it owns the NFLOG group of the page's iptables rules,
// and sends what they log on as broadcasts. Before, and whenever a daemon was told
// something, each server learns by PTBs that come in at another one, and there are as
// many copies as daemons that relay.
func TestMigratingRecipe(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, program := range []string{"iptables", "ip6tables", "curl"} {
		requireProgram(t, program)
	}
	m := newMigration(t)
	m.learns("before")
	for _, step := range strings.Split(chapter(t, migratingPage, "Move a running group"), "\n### ")[1:] {
		title, text, _ := strings.Cut(step, "\n")
		for server := range m.Servers {
			for _, e := range examples(text) {
				if m.do(server, e.line) {
					m.learns(fmt.Sprintf("%s, after %q on server %d", title, e.line, server+1))
				}
			}
		}
	}
	for server, s := range m.Servers {
		if received := sum(metricsOf(t, s), "ptbrelay_received_total"); received == 0 {
			t.Errorf("server %d: ptbrelay has received nothing", server+1)
		}
		checkLaws(t, s)
	}
}

// migration is a group on its way from one relay to the other.
type migration struct {
	*rollout
	old     []func() // by server: ends the old daemon; nil where it does not run
	relays  []bool   // by server: ptbrelay sends
	bridge  *lab.Tap
	copies  int // so far
	clients int // who have no connection yet
}

func newMigration(t *testing.T) *migration {
	t.Helper()
	const clients = 250
	m := &migration{
		rollout: &rollout{racks: watchRacks(t, lab.Options{Clients: clients}), admin: newAdmin(t)},
		clients: clients,
	}
	m.install(blocks(chapter(t, migratingPage, "cloudflare/pmtud"), "yaml")[0])
	m.bridge = labtest.Tap(t, m.Switch, "br0")
	m.old, m.relays = make([]func(), len(m.Servers)), make([]bool, len(m.Servers))
	m.daemons = make([]*lab.Process, len(m.Servers))
	for server := range m.Servers {
		for line := range strings.Lines(chapter(t, migratingPage, "Move a running group")) {
			if strings.Contains(line, " -I PREROUTING ") {
				m.shell(server, line)
			}
		}
		m.startOld(server)
	}
	return m
}

// startOld runs the old daemon of a server until the test ends.
func (m *migration) startOld(server int) {
	m.t.Helper()
	node := m.Servers[server]
	var source *capture.NFLOG
	err := node.Do(func() (err error) {
		source, err = capture.OpenNFLOG(capture.NFLOGConfig{Group: 33, Buffer: 1 << 20})
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	from := labtest.MAC(m.t, node, "eth0")
	ctx, cancel := context.WithCancel(m.t.Context())
	done := make(chan error, 1)
	go func() {
		done <- source.Run(ctx, func(_ time.Time, batch []capture.Packet) {
			for _, p := range batch {
				if err := node.SendFrame("eth0", labtest.Ethernet(labtest.Broadcast, from, p.Data)); err != nil {
					m.t.Error(err)
				}
			}
		})
	}()
	end := func() {
		cancel()
		if err := <-done; err != nil {
			m.t.Error(err)
		}
		if err := source.Close(); err != nil {
			m.t.Error(err)
		}
		m.old[server] = nil
	}
	m.old[server] = end
	m.t.Cleanup(func() {
		if m.old[server] != nil {
			m.old[server]()
		}
	})
}

// do does a line of the page on a server, and reports whether it told a daemon something.
func (m *migration) do(server int, line string) (told bool) {
	m.t.Helper()
	switch line {
	case "systemctl enable --now ptbrelay":
		m.daemons[server] = m.run(server)
	case "ptbrelay check-config && systemctl reload ptbrelay":
		m.shell(server, "ptbrelay check-config")
		hangUp(m.t, m.daemons[server], `"configuration re`)
		m.relays[server] = true
	case "systemctl disable --now pmtud":
		m.old[server]()
	case "systemctl enable --now pmtud":
		m.startOld(server)
	case "ptbrelay pause":
		m.shell(server, line)
		m.relays[server] = false
	default:
		m.shell(server, line)
		return false
	}
	return true
}

// shell has a shell do a line on a server; it must succeed.
func (m *migration) shell(server int, line string) {
	m.t.Helper()
	if code, printed := m.admin.on(m.Servers[server], line, ""); code != 0 {
		m.t.Fatalf("server %d: %s: exit code %d:\n%s", server+1, line, code, printed)
	}
}

// learns checks that each server learns, in both families, of a connection of its own by
// a PTB that comes in at another one, and that each daemon there that relays makes one
// copy of it.
func (m *migration) learns(when string) {
	m.t.Helper()
	for entry := range m.Servers {
		m.clients--
		for _, f := range lab.Families() {
			s := labtest.AcceptTCP(m.t, m.Lab, (entry+1)%len(m.Servers), lab.Flow{
				VIP:    netip.AddrPortFrom(m.VIP(f), 443),
				Client: netip.AddrPortFrom(m.ClientAddr(f, m.clients), 0),
			})
			labtest.FromRouter(m.t, m.Lab, entry, ptbAbout(s).Bytes())
			if m.old[entry] != nil {
				m.copies++
			}
			if m.relays[entry] {
				m.copies++
			}
			s.AwaitPathMTU(int(classifytest.MTU))
		}
	}
	labtest.Eventually(m.t, 5*time.Second, when+": copies", func() error {
		if n := len(broadcasts(m.bridge.Frames())); n != m.copies {
			return fmt.Errorf("%d on the segment, want %d", n, m.copies)
		}
		return nil
	})
}
