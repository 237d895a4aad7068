package integration

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"ptbrelay/audit/check"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// The configurations of a healthy group on a segment, and across racks.
const (
	onSegment   = "interfaces: [eth0]\nvips: [192.0.2.1, \"2001:db8:ffff::1\"]\n"
	acrossRacks = "relay: {transport: udp}\nudp: {key_file: " + labtest.KeyFile + "}\nvips: [192.0.2.1, \"2001:db8:ffff::1\"]\n"
)

// A healthy server is told so, however it is connected and holds its VIPs, with
// the daemon and without.
func TestDoctorOfHealthyServers(t *testing.T) {
	for _, shape := range []lab.Shape{lab.ShapeSegment, lab.ShapeRouted} {
		for _, vips := range []lab.Placement{lab.VIPOnLoopback, lab.VIPAnyIP, lab.VIPOnInterface} {
			t.Run(fmt.Sprintf("%v %v", shape, vips), func(t *testing.T) {
				o := lab.Options{Shape: shape, VIPs: vips, Servers: 2, Clients: 1}
				if shape == lab.ShapeRouted {
					o.RPFilter = 2 // the strict one of the shape is no health
				}
				l := labtest.New(t, o)
				server := l.Servers[0]
				for _, n := range l.Servers {
					labtest.WriteKeys(t, n, labtest.Key(0))
				}
				udp := shape == lab.ShapeRouted
				config := writeConfig(t, onSegment)
				if udp {
					config = writeConfig(t, acrossRacks)
				}
				want := usual(t, server, udp)
				first := checkDoctor(t, server, want, "--config", config)
				checkDoctor(t, server, usual(t, server, false)) // what the defaults are is healthy too
				if udp {
					labtest.UDPRelays(t, l, lab.IPv4, "--config", config)
				} else {
					labtest.StartRelays(t, l, "--config", config)
				}
				running := checkDoctor(t, server, want, "--config", config)
				if owner := running.of("nflog-busy")[0].read; !strings.Contains(owner, "ptbrelay's own") {
					t.Errorf("the daemon's group: %s", owner)
				}
				checkText(t, server, first, config)
			})
		}
	}
}

// checkDoctor fails the test unless doctor tells this and no more, and again in the
// same order when it is asked again.
func checkDoctor(t *testing.T, n *lab.Node, want []string, args ...string) diagnosis {
	t.Helper()
	d := doctor(t, n, args...)
	if diff := cmp.Diff(want, d.told()); diff != "" {
		t.Errorf("doctor %v: -want +got:\n%s\n%+v", args, diff, d)
	}
	if diff := cmp.Diff(lines(d), lines(doctor(t, n, args...))); diff != "" {
		t.Errorf("doctor %v, asked again: -first +second:\n%s", args, diff)
	}
	return d
}

func lines(d diagnosis) (all []string) {
	for _, f := range d {
		all = append(all, f.String())
	}
	return all
}

// usual is what doctor says of every server of the lab as it is made.
func usual(t *testing.T, n *lab.Node, udp bool) []string {
	t.Helper()
	var told []string
	if !showsExpiry6(n) {
		told = append(told, "unknown pmtu-floor")
	}
	told = append(told, "info mtu-probing") // off in the lab, as the kernel has it
	if !ofRoot(t) {
		told = append(told, "unknown bpf-before-us") // tcx is closed to ordinary users
	}
	if udp && !clockKept(t) {
		told = append(told, "warning clock") // the machine's, not the lab's
	}
	return told
}

// showsExpiry6 reports whether the kernel shows a sysctl that it hides in namespaces of
// ordinary users.
func showsExpiry6(n *lab.Node) bool {
	_, err := n.Sysctl("net/ipv6/route/mtu_expires")
	return err == nil
}

// ofRoot reports whether this user namespace is the machine's first.
func ofRoot(t testing.TB) bool {
	t.Helper()
	b, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	return slices.Equal(strings.Fields(string(b)), []string{"0", "0", "4294967295"})
}

// clockKept reports whether the kernel calls the machine's clock synchronised.
func clockKept(t testing.TB) bool {
	t.Helper()
	const timeError = 5 // TIME_ERROR (adjtimex(2))
	state, err := unix.Adjtimex(&unix.Timex{})
	if err != nil {
		t.Skipf("adjtimex is refused here: %v", err)
	}
	return state != timeError
}

// checkText fails the test unless the text says of all checks what the JSON said.
func checkText(t *testing.T, n *lab.Node, d diagnosis, config string) {
	t.Helper()
	code, text := command(t, n, "doctor", "--config", config)
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, c := range check.All() {
		for _, f := range d.of(c.ID) {
			heading := strings.ToUpper(f.severity) + "  " + f.id
			if f.severity == severityOK {
				heading = "ok  " + f.id
			}
			if !strings.Contains(text, heading) {
				t.Errorf("%q is missing in\n%s", heading, text)
			}
		}
	}
}
