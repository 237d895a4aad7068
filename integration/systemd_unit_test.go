package integration

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// fitted is a shell command that puts the binary, the unit and its user where a package
// does, and a key, and makes the unit short of patience as an operator would change it.
const fitted = `
install -m 755 %[1]s usr/bin/ptbrelay
install -m 644 %[2]s/ptbrelay.service usr/lib/systemd/system/
systemd-sysusers --root="$PWD" %[2]s/sysusers.conf
mkdir etc/ptbrelay etc/systemd/system/ptbrelay.service.d
echo %[3]s >etc/ptbrelay/key
chroot . chown ptbrelay:ptbrelay /etc/ptbrelay/key
chmod 600 etc/ptbrelay/key
cat >etc/systemd/system/ptbrelay.service.d/override.conf <<END
[Service]
StandardError=append:/run/ptbrelay.log
WatchdogSec=3
TimeoutAbortSec=100ms
RestartSec=0
END
`

// The unit, by a real systemd: the daemon has what it needs to relay by either transport
// and nothing more, comes back however it ends, and leaves nothing when it is stopped.
func TestSystemdUnit(t *testing.T) {
	t.Parallel()
	requireSystemd(t)
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	s := bootSystemd(t, server, fmt.Sprintf(fitted, makeBinary(t, ".."), absolute(t, "systemd"), labtest.Key(0)))

	s.configure("interfaces: [side0]\n")
	s.must("systemctl", "enable", "--now", "--no-block", "ptbrelay")
	s.restarts("0")
	addSide(t, server)
	s.shows("StatusText", "capturing")
	s.confined()
	relays(t, l, "relayed", 42000)
	s.knows("bpf-before-us", "broadcast-dropped", "conntrack-invalid-drop", "icmp-filtered", "nflog-busy")

	s.configure("interfaces: [eth0]\nrelay: {dry_run: true}\n")
	s.must("systemctl", "reload", "ptbrelay")
	s.shows("StatusText", "capturing, dry run")
	relays(t, l, "dry-run", 42001)
	s.configure("interface: eth0\n")
	s.shows("StatusText", "capturing, dry run, configuration refused")
	s.configure("interfaces: [eth0]\nrelay: {dry_run: true}\n")
	s.shows("StatusText", "capturing, dry run")

	s.kill("KILL")
	s.kill("ABRT")
	if log := s.must("cat", "/run/ptbrelay.log"); !strings.Contains(log, "SIGABRT: abort") || !strings.Contains(log, "goroutine ") {
		t.Errorf("no word of where it hung in\n%s", log)
	}
	s.kill("STOP") // of which only the watchdog hears

	labtest.WriteKeys(t, l.Servers[1], labtest.Key(0))
	labtest.StartUDPRelay(t, l.Servers[1], labtest.Peers(l, lab.IPv6)...)
	s.configure(fmt.Sprintf("relay: {transport: udp}\nudp: {key_file: /etc/ptbrelay/key}\npeers: {static: [%q]}\n",
		l.ServerAddr(lab.IPv6, 1)))
	s.must("systemctl", "restart", "ptbrelay")
	s.shows("StatusText", "capturing, 1 of 1 peers up")
	relays(t, l, "relayed", 42002)
	s.must("ptbrelay", "selftest")

	s.must("systemctl", "stop", "ptbrelay")
	s.shows("Result", "success")
	s.shows("StatusText", "")
	nothingLeft(t, server)
}

// systemd has nothing to say against the unit, and calls its sandbox as tight as a daemon
// can be that keeps the host's network and the two capabilities.
func TestSystemdUnitIsTight(t *testing.T) {
	analyze := requireProgram(t, "systemd-analyze")
	path := filepath.Join(t.TempDir(), "ptbrelay.service")
	// What it starts must be there.
	writeFile(t, path, strings.ReplaceAll(fileText(t, "systemd/ptbrelay.service"), "/usr/bin/ptbrelay", requireProgram(t, "true")))
	if b, err := exec.Command(analyze, "verify", "--man=no", path).CombinedOutput(); err != nil || len(b) > 0 {
		t.Errorf("verify: %v\n%s", err, b)
	}
	const most = "22" // of 100
	if b, err := exec.Command(analyze, "security", "--offline=yes", "--threshold="+most, "--no-pager", path).CombinedOutput(); err != nil {
		t.Errorf("security: %v\n%s", err, b)
	}
}

func (s *systemd) configure(text string) {
	s.t.Helper()
	s.must("sh", "-c", `printf %s "$1" >/etc/ptbrelay/config.yaml`, "", text)
}

// property is one of the unit.
func (s *systemd) property(name string) string {
	s.t.Helper()
	return s.must("systemctl", "show", "--property", name, "--value", "ptbrelay")
}

// shows waits until a property of the unit has a value.
func (s *systemd) shows(name, want string) {
	s.t.Helper()
	labtest.Eventually(s.t, 10*time.Second, fmt.Sprintf("%s is %q", name, want), func() error {
		if got := s.property(name); got != want {
			return fmt.Errorf("it is %q; the daemon says\n%s", got, s.must("cat", "/run/ptbrelay.log"))
		}
		return nil
	})
}

// relays fails the test unless the first server's daemon has this outcome for a PTB of
// either family.
func relays(t *testing.T, l *lab.Lab, outcome string, port uint16) {
	t.Helper()
	for _, ptb := range ptbs(port) {
		metric := outcomeMetric(ptb.Family.String(), outcome)
		before := metricsOf(t, l.Servers[0])[metric]
		labtest.FromRouter(t, l, 0, ptb.Bytes())
		await(t, l.Servers[0], metric, before+1)
	}
}

// confined fails the test unless the daemon is an ordinary user with two capabilities,
// few system calls, and files that nobody can write there (proc_pid_status(5)).
func (s *systemd) confined() {
	s.t.Helper()
	pid := s.property("MainPID")
	const netAdminAndRaw = "0000000000003000"
	want := map[string]string{
		"CapInh": netAdminAndRaw, "CapPrm": netAdminAndRaw, "CapEff": netAdminAndRaw, "CapBnd": netAdminAndRaw,
		"CapAmb": netAdminAndRaw, "NoNewPrivs": "1", "Seccomp": "2",
		"Uid": s.must("id", "-u", "ptbrelay"),
	}
	got := make(map[string]string)
	for line := range strings.Lines(s.must("cat", "/proc/"+pid+"/status")) {
		name, value, _ := strings.Cut(line, ":")
		if _, ok := want[name]; ok {
			got[name] = strings.Fields(value)[0]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("the daemon's process is otherwise (-want +got):\n%s", diff)
	}
	if user := s.must("getent", "passwd", "ptbrelay"); want["Uid"] == "0" || !strings.HasSuffix(user, ":/:/usr/sbin/nologin") {
		s.t.Errorf("its user is %s", user)
	}
	for _, path := range []string{"/etc/ptbrelay", "/usr", "/var/lib", "/proc/sys", "/sys", "/root"} {
		// Even root could not, where the daemon is.
		if text, code := s.run("nsenter", "--target", pid, "--mount", "--", "touch", path+"/x"); code == 0 {
			s.t.Errorf("%s can be written: %s", path, text)
		}
	}
}

// knows fails the test unless the daemon, with all that it lacks, has read everything of
// its host but what these checks need: files of root, and bpf(2).
func (s *systemd) knows(but ...string) {
	s.t.Helper()
	awaitMetrics(s.t, s.node, 5*time.Second, "the host is checked", func(m map[string]float64) error {
		if sum(m, "ptbrelay_audit_findings") == 0 {
			return errNotYet
		}
		var unknown []string
		for name := range m {
			if check, ok := strings.CutSuffix(name, `",severity="unknown"}`); ok && m[name] > 0 {
				unknown = append(unknown, strings.TrimPrefix(check, `ptbrelay_audit_findings{check="`))
			}
		}
		if diff := cmp.Diff(but, slices.Sorted(slices.Values(unknown))); diff != "" {
			return fmt.Errorf("unknown are others (-want +got):\n%s", diff)
		}
		return nil
	})
}

// kill sends the daemon a signal, and returns when another one captures.
func (s *systemd) kill(signal string) {
	s.t.Helper()
	before := s.property("NRestarts")
	s.must("kill", "-"+signal, s.property("MainPID"))
	s.restarts(before)
	s.shows("ActiveState", "active")
}

// restarts waits until systemd has started the daemon again, more often than before.
func (s *systemd) restarts(before string) {
	s.t.Helper()
	labtest.Eventually(s.t, 10*time.Second, "systemd starts it again", func() error {
		if s.property("NRestarts") == before {
			return errNotYet
		}
		return nil
	})
}
