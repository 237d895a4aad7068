package rules

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// frontEnds are what iptables' rules end up in, by the suffix of its programs, with
// the group that each logs to in a test.
var frontEnds = map[string]uint16{"nft": 43, "legacy": 53}

// loadIPTables loads the rules of both families by one front end, and has packets
// pass them. It skips the test where the kernel has no such tables.
func loadIPTables(t *testing.T, n place, kind string, c Config) {
	t.Helper()
	for program, ipv6 := range map[string]bool{"iptables-" + kind: false, "ip6tables-" + kind: true} {
		raw := program + " -w -t raw "
		tool(t, n, "", program, "--version")
		if !strings.Contains(tool(t, n, "", "sh", "-c", raw+"-S || true"), "-P PREROUTING") {
			t.Skipf("this kernel has no tables of %s", program)
		}
		tool(t, n, iptablesText(t, c, ipv6), program+"-restore", "-w", "--noflush")
		tool(t, n, "", "sh", "-c", raw+"-C PREROUTING -j ptbrelay || "+raw+"-I PREROUTING -j ptbrelay")
	}
}

// Of what comes in, iptables' rules log what the table logs: the same packets to the
// same groups, as much of each.
func TestIPTablesLogTheSame(t *testing.T) {
	for name, vips := range map[string][]netip.Prefix{
		"local":     nil,
		"vips":      prefixes("192.0.2.0/24", "198.18.0.0/32", "2001:db8:ffff::/64"),
		"ipv6 only": prefixes("2001:db8:ffff::1/128"),
	} {
		for kind, group := range frontEnds {
			t.Run(name+"/"+kind, func(t *testing.T) {
				l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
				server := l.Servers[0]
				c := Config{Group: 33, Guard: 100000, VIPs: vips, MSS: true}
				install(t, server, c)
				c.Group = group
				loadIPTables(t, server, kind, c)
				var want, got [2]*logged
				for i := range uint16(2) {
					want[i], got[i] = hear(t, server, 33+i), hear(t, server, group+i)
				}
				last := sendAll(t, l)
				for i, what := range []string{"PTBs", "SYNs"} {
					want[i].awaitPacket(t, last[i])
					got[i].awaitPacket(t, last[i])
					if diff := cmp.Diff(alike(want[i].all()), alike(got[i].all())); diff != "" {
						t.Errorf("%s -table +iptables:\n%s", what, diff)
					}
				}
			})
		}
	}
}

// alike are the packets that table and iptables see with the same eyes. The table
// takes IPv4 fragments but the first for PTBs where their bytes say so, for the kernel
// loads two bytes from any (nft_payload_fast_eval), and ip6tables-legacy looks behind
// an authentication header.
func alike(packets [][]byte) [][]byte {
	return slices.DeleteFunc(packets, func(p []byte) bool {
		laterFragment := p[0]>>4 == 4 && (p[6]&0x1f != 0 || p[7] != 0)
		authenticated := p[0]>>4 == 6 && p[6] == 51
		return laterFragment || authenticated
	})
}

// sendAll sends server 0 all kinds of packets, by loopback too, and to each of the
// groups a last one.
func sendAll(t *testing.T, l *lab.Lab) (last [2][]byte) {
	t.Helper()
	injected := labtest.FrameTo(t, l, 0, classifytest.PTB{ClientPort: 30002}.Bytes())
	copy(injected, make([]byte, 12)) // the MAC addresses of loopback
	if err := l.Servers[0].SendFrame("lo", injected); err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	add := func(packet []byte) { all = append(all, labtest.FrameTo(t, l, 0, packet)) }
	for _, c := range classifytest.Corpus() {
		if len(c.Packet) > 0 {
			add(c.Packet)
		}
	}
	for i, f := range []classify.Family{classify.IPv4, classify.IPv6} {
		all = append(all, frames(t, l, f, segments(f, l.ServerAddr(lab.Families()[i], 1)))...)
		toAll := labtest.FrameTo(t, l, 0, classifytest.PTB{Family: f, ClientPort: 30000}.Bytes())
		copy(toAll, labtest.Broadcast[:])
		all = append(all, toAll)
		neighbours := classifytest.PTB{Family: f, VIP: l.ServerAddr(lab.Families()[i], 1)}
		add(neighbours.Bytes())
	}
	last[0] = classifytest.PTB{Family: classify.IPv6, ClientPort: 30001}.Bytes()
	last[1] = classifytest.SYN{Family: classify.IPv6, ClientPort: 30001}.Bytes()
	add(last[0])
	add(last[1])
	if err := labtest.Sender(t, l.Router, l.RouterInterface(0)).Send(all); err != nil {
		t.Fatal(err)
	}
	return last
}

// Loaded again, the rules are those of the new configuration: the guard counts by its
// new rate, and a sample that nobody asks for any more is gone.
func TestIPTablesLoadedAgain(t *testing.T) {
	for kind := range frontEnds {
		t.Run(kind, func(t *testing.T) {
			l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
			server := l.Servers[0]
			ptbs, syns := hear(t, server, 33), hear(t, server, 34)
			const n = 20
			send := func(port uint16) (last []byte) {
				var stream [][]byte
				for i := range uint16(n) {
					last = classifytest.PTB{ClientPort: port + i}.Bytes()
					stream = append(stream, labtest.FrameTo(t, l, 0, last))
				}
				stream = append(stream, frames(t, l, classify.IPv4, []segment{{}})...)
				if err := labtest.Sender(t, l.Router, l.RouterInterface(0)).Send(stream); err != nil {
					t.Fatal(err)
				}
				return last
			}
			loadIPTables(t, server, kind, Config{Group: 33, Guard: 1, MSS: true})
			send(1000)
			syns.await(t, 1) // it came after the PTBs
			loadIPTables(t, server, kind, Config{Group: 33, Guard: maxHashlimit})
			ptbs.awaitPacket(t, send(2000))
			if got := len(ptbs.all()); got <= n || got > n+n/2 {
				t.Errorf("%d PTBs logged, want %d and few that passed a guard of 1 a second", got, n)
			}
			if got := len(syns.all()); got != 1 {
				t.Errorf("%d SYNs logged, want the one of before", got)
			}
		})
	}
}
