package budget

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"ptbrelay/config"
)

// peers is a configuration with so many of them.
func peers(n int) config.Config {
	c := config.Default()
	c.Relay.Transport = config.TransportUDP
	for i := range n {
		c.Peers.Static = append(c.Peers.Static, netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), 0))
	}
	return c
}

// Both sums are said, how they come about, and what is too much.
func TestText(t *testing.T) {
	broadcast := config.Default()
	two, named, many := peers(2), peers(2), peers(21)
	named.Peers.DNS.Name = "peers.example"
	broadcast.Interfaces = []string{"eth0", "eth1", "eth2"}
	broadcast.Relay.Limits.Node = 1e9
	for name, c := range map[string]struct {
		budget Budget
		want   string
	}{
		"broadcast without interfaces": {Planned(config.Default()), `
copies out: at most 1000/s (relay.limits.node 1000 x interfaces 1), 2000 more after a calm
injections in: none (transport broadcast needs none)
`},
		"more than 32 bits hold": {Planned(broadcast), `
copies out: at most 3000000000/s (relay.limits.node 1000000000 x interfaces 3), 6000 more after a calm
injections in: none (transport broadcast needs none)
warning: above 20000/s: a spoofer can make this server do as much
`},
		"udp": {Of(two, 2), `
copies out: at most 2000/s (relay.limits.node 1000 x peers 2), 4000 more after a calm
injections in: at most 5000/s (relay.limits.deliver), 10000 more after a calm
`},
		"planned udp": {Planned(named), `
copies out: at most 2000/s (relay.limits.node 1000 x peers 2), 4000 more after a calm
            and less where this server is among those peers
            and 1000/s for each peer of peers.file and peers.dns
injections in: at most 5000/s (relay.limits.deliver), 10000 more after a calm
`},
		"loud": {Of(many, 21), `
copies out: at most 21000/s (relay.limits.node 1000 x peers 21), 42000 more after a calm
injections in: at most 5000/s (relay.limits.deliver), 10000 more after a calm
warning: above 20000/s: a spoofer can make this server do as much
`},
	} {
		if got := c.budget.Text(); got != c.want[1:] {
			t.Errorf("%s:\n%swant\n%s", name, got, c.want)
		}
	}
}

// The log says the same sums, and warns of the same.
func TestLog(t *testing.T) {
	for fanOut, want := range map[int]string{
		20: "level=INFO msg=budget copies_out_per_second=20000 peers=20 injections_in_per_second=5000\n",
		21: `level=WARN msg="budget above 20000/s: a spoofer can make this server do as much; lower relay.limits if it must not" copies_out_per_second=21000 `,
	} {
		var out bytes.Buffer
		Of(peers(0), fanOut).Log(slog.New(slog.NewTextHandler(&out, nil)))
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s, want %s", out.String(), want)
		}
	}
}
