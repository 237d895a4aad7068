package integration

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ptbrelay/classify/classifytest"
	"ptbrelay/config"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// day is a group as its operator has it, and what the operator knows to be so.
type day struct {
	*rollout
	members []member // by server
	clients int      // so many of each family have had no connection yet
}

// member is what is so at one server.
type member struct {
	runs    bool
	started time.Time
	peers   []int    // servers that its configuration names
	dead    []int    // those of them that have not answered for long
	keys    []string // the first seals
	dryRun  bool
	paused  bool
	refused bool // the last configuration that it was given
	drained bool
}

// newDay starts some of a lab's servers as a group, each with all of them as peers.
func newDay(t *testing.T, servers int, group ...int) *day {
	t.Helper()
	const clients = 250
	d := &day{
		rollout: &rollout{racks: watchRacks(t, lab.Options{Shape: lab.ShapeRouted, Servers: servers, Clients: clients})},
		members: make([]member, servers),
		clients: clients,
	}
	d.configure("")
	d.daemons = make([]*lab.Process, servers)
	for _, i := range group {
		d.members[i] = member{peers: group, keys: []string{labtest.Key(0)}}
		d.begin(i)
	}
	return d
}

// begin starts the daemon of a server with what its operator wants of it.
func (d *day) begin(server int) {
	d.t.Helper()
	m := &d.members[server]
	d.put(server, d.text(server))
	labtest.WriteKeys(d.t, d.Servers[server], m.keys...)
	m.started = time.Now()
	d.daemons[server] = d.run(server)
	m.runs, m.paused, m.refused = true, false, false
}

// change changes what is wanted of some servers and has their daemons read it.
func (d *day) change(to func(*member), servers ...int) {
	d.t.Helper()
	for _, i := range servers {
		m := &d.members[i]
		to(m)
		m.refused = false
		d.put(i, d.text(i))
		labtest.WriteKeys(d.t, d.Servers[i], m.keys...)
		reread(d.t, d.daemons[i])
	}
}

// text is a server's configuration.
func (d *day) text(server int) string {
	m := d.members[server]
	peers := strings.ReplaceAll(strings.TrimSpace(d.addresses(lab.IPv4, m.peers...)), "\n", ", ")
	return fmt.Sprintf(`
vips: [192.0.2.1, "2001:db8:ffff::1"]
policy: {ports: [443]}
relay: {transport: udp, dry_run: %v}
udp: {key_file: %s}
peers: {static: [%s]}
audit: {routes_every: 1s}
`, m.dryRun, labtest.KeyFile, peers)
}

// put replaces a server's configuration at once, as careful editors do.
func (d *day) put(server int, text string) {
	d.t.Helper()
	replaceFile(d.t, d.configs[server], text)
}

// running are the servers whose daemons run.
func (d *day) running() (servers []int) {
	for i, m := range d.members {
		if m.runs {
			servers = append(servers, i)
		}
	}
	return servers
}

// hears tells whether two members open what the other seals.
func (d *day) hears(a, b int) bool {
	from, to := d.members[a], d.members[b]
	return to.runs && slices.Contains(to.keys, from.keys[0]) && slices.Contains(from.keys, to.keys[0])
}

// others are the peers of a server, without itself.
func (d *day) others(server int) []int {
	return slices.DeleteFunc(slices.Clone(d.members[server].peers), func(i int) bool { return i == server })
}

// peerAt is a server as its peers name it.
func (d *day) peerAt(server int) string {
	return netip.AddrPortFrom(d.ServerAddr(lab.IPv4, server), config.Default().UDP.Port).String()
}

// connect opens a connection of a client that had none; nobody knows its path MTU.
func (d *day) connect(owner int, f lab.Family) *labtest.Socket {
	d.t.Helper()
	d.clients--
	return labtest.AcceptTCP(d.t, d.Lab, owner, lab.Flow{
		VIP:    netip.AddrPortFrom(d.VIP(f), 443),
		Client: netip.AddrPortFrom(d.ClientAddr(f, d.clients), 0),
	})
}

// learns checks, in both families, that a server learns of its own connections by
// PTBs that come in at another one.
func (d *day) learns(owner, entry int) {
	d.t.Helper()
	for _, f := range lab.Families() {
		s := d.connect(owner, f)
		labtest.FromRouter(d.t, d.Lab, entry, ptbAbout(s).Bytes())
		s.AwaitPathMTU(int(classifytest.MTU))
	}
}

// learnsNot checks that it does not, but that a metric of some server counts each
// of these PTBs.
func (d *day) learnsNot(owner, entry, counter int, metric func(family string) string) {
	d.t.Helper()
	for _, f := range lab.Families() {
		s := d.connect(owner, f)
		before := metricsOf(d.t, d.Servers[counter])[metric(f.String())]
		labtest.FromRouter(d.t, d.Lab, entry, ptbAbout(s).Bytes())
		await(d.t, d.Servers[counter], metric(f.String()), before+1)
		if got := s.PathMTU(); got != 1500 {
			d.t.Errorf("%v: server %d has learned %d", s.Flow, owner, got)
		}
	}
}
