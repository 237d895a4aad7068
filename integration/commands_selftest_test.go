package integration

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/config"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/control"
)

// On a segment every daemon answers once, and those that are gone do not. Nobody
// knows who should be there, so only where nobody is that is a finding.
func TestSelftestOnSegment(t *testing.T) {
	t.Parallel() // it waits more than it works
	l, relays := startGroup(t, config.TransportBroadcast, lab.Options{Clients: 1})
	at := func(servers ...*lab.Node) (macs []string) {
		for _, s := range servers {
			mac := labtest.MAC(t, s, "eth0")
			macs = append(macs, net.HardwareAddr(mac[:]).String()+" on eth0")
		}
		return macs
	}
	expect := func(want []string, code int) {
		t.Helper()
		s := selftest(t, l.Servers[0], code)
		checkProofs(t, s)
		var heard []string
		for _, p := range s.Peers {
			heard = append(heard, p.Peer)
			checkHeard(t, p)
		}
		slices.Sort(heard)
		if diff := cmp.Diff(want, heard); diff != "" {
			t.Errorf("-want +heard:\n%s", diff)
		}
	}
	expect(at(l.Servers[1:]...), 0)
	labtest.Stop(t, relays[2])
	expect(at(l.Servers[1]), 0)
	labtest.Stop(t, relays[1])
	expect(nil, 1)
}

// Across racks each peer says when it heard and what it would do; what is wrong
// with one is a finding. A VIP that it lacks is told, and is none.
func TestSelftestAcrossRacks(t *testing.T) {
	t.Parallel() // it waits more than it works
	args := []string{"--vip", "192.0.2.1", "--vip", "2001:db8:ffff::1"}
	l, relays := startGroup(t, config.TransportUDP, lab.Options{Clients: 1}, args...)
	args = append(args, labtest.Peers(l, lab.IPv4)...)
	peer := func(server int) string {
		return netip.AddrPortFrom(l.ServerAddr(lab.IPv4, server), config.Default().UDP.Port).String()
	}
	expect := func(code int, want ...control.PeerTest) {
		t.Helper()
		s := selftest(t, l.Servers[0], code)
		checkProofs(t, s)
		for i := range s.Peers {
			checkHeard(t, s.Peers[i])
			s.Peers[i].RoundTripSeconds, s.Peers[i].ClockSeconds = 0, 0
		}
		if diff := cmp.Diff(want, s.Peers); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	expect(0,
		control.PeerTest{Peer: peer(1), Heard: true, Delivers: "yes"},
		control.PeerTest{Peer: peer(2), Heard: true, Delivers: "yes"})

	labtest.WithdrawVIPs(t, l, 1, lab.IPv4)
	expect(0,
		control.PeerTest{Peer: peer(1), Heard: true, Delivers: "yes", MissingVIPs: []string{"192.0.2.1"}},
		control.PeerTest{Peer: peer(2), Heard: true, Delivers: "yes"})

	obeyed(t, l.Servers[1:2], saysPaused, "pause")
	labtest.Stop(t, relays[2])
	dry := labtest.StartUDPRelay(t, l.Servers[2], append(args, "--dry-run")...)
	expect(1,
		control.PeerTest{Peer: peer(1), Heard: true, Delivers: "paused", MissingVIPs: []string{"192.0.2.1"}},
		control.PeerTest{Peer: peer(2), Heard: true, Delivers: "dry-run"})

	labtest.Stop(t, relays[1])
	labtest.Stop(t, dry)
	labtest.WriteKeys(t, l.Servers[2], labtest.Key(1))
	labtest.StartUDPRelay(t, l.Servers[2], args...)
	const silent = "no receipt: is ptbrelay running there, with the same key and a clock within 30s of ours, " +
		"and does every firewall pass UDP port 7690?"
	expect(1,
		control.PeerTest{Peer: peer(1), Error: silent},
		control.PeerTest{Peer: peer(2), Error: silent})
}

// A selftest may be run as often as one likes: the kernel is proved to learn each
// time, and no packet leaves the host for it.
func TestSelftestAgain(t *testing.T) {
	l, _ := startGroup(t, config.TransportUDP, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	wire := labtest.TapWith(t, server, "eth0", lab.TapOptions{All: true, Types: []lab.PacketType{lab.PacketOutgoing}})
	var s tested
	for range 5 {
		s = selftest(t, server, 0)
		checkProofs(t, s)
	}
	for _, f := range labtest.Fence(t, server, "eth0", wire) {
		from, to := addresses(f.Data[14:])
		for _, proof := range s.Local {
			if from.String() == proof.Source && to.String() == proof.Destination {
				t.Errorf("a packet left for the proof: % x", f.Data)
			}
		}
	}
}

// What it prints as JSON is what scripts rely on.
func TestSelftestJSON(t *testing.T) {
	l, _ := startGroup(t, config.TransportUDP, lab.Options{Clients: 1, Servers: 2})
	code, printed := command(t, l.Servers[0], "selftest", "--format", "json")
	number := regexp.MustCompile(`_seconds":-?[0-9.e-]+`)
	want := fmt.Sprintf(`{"ok":true,"transport":"udp","paused":false,"dry_run":false,"peers":[{"peer":"%v:7690","heard":true,`+
		`"round_trip_seconds":0,"clock_seconds":0,"delivers":"yes"}],"local":[`+
		`{"family":"ipv4","ok":true,"source":"%v","destination":"198.51.100.1","before":1500,"after":1499},`+
		`{"family":"ipv6","ok":true,"source":"%v","destination":"2001:db8::1","before":1500,"after":1499}]}`+"\n",
		l.ServerAddr(lab.IPv4, 1), l.ServerAddr(lab.IPv4, 0), l.ServerAddr(lab.IPv6, 0))
	if got := number.ReplaceAllString(printed, `_seconds":0`); code != 0 || got != want {
		t.Errorf("exit code %d, printed\n%swant\n%s", code, got, want)
	}
}

// tested is what `ptbrelay selftest --format json` prints.
type tested struct {
	OK bool `json:"ok"`
	control.Selftest
}

// selftest runs it on a server, and checks its exit code and that it says so.
func selftest(t testing.TB, server *lab.Node, want int) (s tested) {
	t.Helper()
	code, printed := command(t, server, "selftest", "--format", "json")
	d := json.NewDecoder(strings.NewReader(printed))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		t.Fatalf("exit code %d, %v:\n%s", code, err, printed)
	}
	if code != want || s.OK != (want == 0) {
		t.Errorf("exit code %d and ok %v, want %d:\n%s", code, s.OK, want, printed)
	}
	return s
}

// checkProofs fails the test unless the kernel was proved to apply a PTB of each
// family.
func checkProofs(t testing.TB, s tested) {
	t.Helper()
	var families []string
	for _, p := range s.Local {
		families = append(families, p.Family)
		if !p.OK || p.After != p.Before-1 {
			t.Errorf("no proof: %+v", p)
		}
	}
	if diff := cmp.Diff([]string{"ipv4", "ipv6"}, families); diff != "" {
		t.Errorf("proofs: -want +got:\n%s", diff)
	}
}

// checkHeard fails the test unless a peer that was heard is near and has our
// time, for it is on this host.
func checkHeard(t testing.TB, p control.PeerTest) {
	t.Helper()
	if p.Heard && (p.RoundTripSeconds <= 0 || p.RoundTripSeconds > 1 || p.ClockSeconds < -0.5 || p.ClockSeconds > 0.5) {
		t.Errorf("not next to us and at our time: %+v", p)
	}
}
