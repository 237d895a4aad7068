package integration

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ptbrelay/config"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// The socket is its user's alone from its directory on, and goes with the daemon;
// after a kill the next daemon takes its place.
func TestControlSocketComesAndGoes(t *testing.T) {
	server := labtest.New(t, lab.Options{Clients: 1, Servers: 1}).Servers[0]
	path := config.Default().Control
	relay := labtest.StartRelay(t, server)
	checkMode(t, server, path, fs.ModeSocket|0o600)
	checkMode(t, server, filepath.Dir(path), fs.ModeDir|0o700)
	labtest.Stop(t, relay)
	checkMode(t, server, filepath.Dir(path), 0)

	relay = labtest.StartRelay(t, server)
	if err := relay.Kill(); err != nil {
		t.Fatal(err)
	}
	<-relay.Exited()
	checkMode(t, server, path, fs.ModeSocket|0o600)
	code, printed := command(t, server, "pause")
	if want := "ptbrelay: no daemon answers at " + path; code != 1 || !strings.HasPrefix(printed, want) {
		t.Errorf("after a kill: exit code %d, want 1 and %q:\n%s", code, want, printed)
	}
	relay = labtest.StartRelay(t, server)
	checkNoWarning(t, relay)
	obeyed(t, []*lab.Node{server}, saysPaused, "pause")
	checkPaused(t, server, true)
	checkMode(t, server, path, fs.ModeSocket|0o600)
}

// checkMode fails the test unless a file on a node has this type and these
// permissions; 0: it is not there.
func checkMode(t testing.TB, n *lab.Node, path string, want fs.FileMode) {
	t.Helper()
	var got fs.FileMode
	err := n.Do(func() error {
		info, err := os.Lstat(path)
		if err == nil {
			got = info.Mode()
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("%s on %s has mode %v, want %v", path, n.Name(), got, want)
	}
}

// A second daemon leaves the socket to the first, says so, and works; when it ends
// the socket stays.
func TestControlSocketOfAnother(t *testing.T) {
	server := labtest.New(t, lab.Options{Clients: 1, Servers: 1}).Servers[0]
	first := labtest.StartRelay(t, server)
	second := labtest.Start(t, server, "run", "--interface", "eth0", "--config", writeConfig(t, `
capture: {group: 40}
rules: {manage: false}
http: {listen: "localhost:7691"}
`))
	checkWarning(t, second, "a living daemon answers at "+config.Default().Control)
	if status, _ := labtest.Get(t, server, "http://localhost:7691/readyz"); status != http.StatusOK {
		t.Errorf("the second answers %d when asked whether it is ready", status)
	}
	checkNoWarning(t, first)

	obeyed(t, []*lab.Node{server}, saysPaused, "pause")
	checkPaused(t, server, true)
	if m := labtest.Metrics(t, server, "http://localhost:7691/metrics"); m["ptbrelay_paused"] != 0 {
		t.Error("the second is paused")
	}
	if code := labtest.Stop(t, second); code != 0 {
		t.Errorf("the second ends with %d", code)
	}
	obeyed(t, []*lab.Node{server}, saysResumed, "resume")
	checkPaused(t, server, false)
}

// Where the socket cannot be made, relaying does not suffer; nor where there is to
// be none.
func TestControlSocketCannotBeMade(t *testing.T) {
	server := labtest.New(t, lab.Options{Clients: 1, Servers: 1}).Servers[0]
	const file = "/run/file"
	if err := server.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, warning, pause string }{
		{"/run/nosuch/deeper/control.sock", "make it for the daemon's user", "no daemon answers at"},
		{"/proc/control.sock", "/proc/control.sock", "no daemon answers at"},
		{file, file + " is there and is no socket", "no daemon answers at"},
		{file + "/control.sock", "not a directory", "not a directory"},
		{"", "", "control is empty in"},
	} {
		t.Run(cmp.Or(strings.ReplaceAll(c.path, "/", "_"), "none"), func(t *testing.T) {
			config := writeConfig(t, fmt.Sprintf("control: %q\n", c.path))
			relay := labtest.StartRelay(t, server, "--config", config)
			if c.warning == "" {
				checkNoWarning(t, relay)
			} else {
				checkWarning(t, relay, c.warning)
			}
			if code, printed := command(t, server, "pause", "--config", config); code != 1 || !strings.Contains(printed, c.pause) {
				t.Errorf("exit code %d, want 1 and %q:\n%s", code, c.pause, printed)
			}
			if code := labtest.Stop(t, relay); code != 0 {
				t.Errorf("the daemon ends with %d", code)
			}
		})
	}
	checkMode(t, server, file, 0o600)
	checkMode(t, server, filepath.Dir(config.Default().Control), 0)
}

const noSocket = "no control socket: pause, resume, watch and selftest will not reach this daemon"

// checkWarning fails the test unless a daemon that captures warns, and says why.
func checkWarning(t testing.TB, p *lab.Process, why string) {
	t.Helper()
	for line := range strings.Lines(started(t, p)) {
		if strings.Contains(line, noSocket) && strings.Contains(line, "level=WARN") && strings.Contains(line, why) {
			return
		}
	}
	t.Errorf("no warning that tells %q in\n%s", why, p.Log())
}

func checkNoWarning(t testing.TB, p *lab.Process) {
	t.Helper()
	if log := started(t, p); strings.Contains(log, noSocket) {
		t.Errorf("it warns:\n%s", log)
	}
}

// started waits until a daemon says that it captures and returns all that it has
// said by then. What it answers may come before what it wrote.
func started(t testing.TB, p *lab.Process) (log string) {
	t.Helper()
	labtest.Eventually(t, 10*time.Second, "the daemon says that it captures", func() error {
		if log = p.Log(); !strings.Contains(log, "msg=capturing") {
			return errNotYet
		}
		return nil
	})
	return log
}
