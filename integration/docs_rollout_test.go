package integration

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// rollout is the lab's servers, as the reader of a page has them.
type rollout struct {
	*racks
	admin   *admin
	configs []string // by server: its file, as the tests see it
	daemons []*lab.Process
}

// configure gives every server the same configuration.
func (r *rollout) configure(text string) {
	r.t.Helper()
	for i := range r.Servers {
		r.configs = append(r.configs, filepath.Join(r.t.TempDir(), "config.yaml"))
		r.write(i, text)
	}
}

// install does so where ptbrelay looks for it by itself.
func (r *rollout) install(text string) {
	r.t.Helper()
	r.configure(text)
	for i := range r.Servers {
		r.mount(i)
	}
}

// mount makes the folder of a server's configuration its /etc/ptbrelay, beside all that
// the host has in /etc.
func (r *rollout) mount(server int) {
	r.t.Helper()
	const real = "/run/etc"
	err := r.Servers[server].Do(func() error {
		entries, err := os.ReadDir("/etc")
		if err != nil {
			return err
		}
		err = errors.Join(
			os.Mkdir(real, 0o755),
			unix.Mount("/etc", real, "", unix.MS_BIND|unix.MS_REC, ""),
			unix.Mount("tmpfs", "/etc", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=1m"),
			os.Symlink(filepath.Dir(r.configs[server]), "/etc/ptbrelay"),
		)
		for _, e := range entries {
			if e.Name() != "ptbrelay" {
				err = errors.Join(err, os.Symlink(filepath.Join(real, e.Name()), filepath.Join("/etc", e.Name())))
			}
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rollout) write(server int, config string) {
	r.t.Helper()
	writeFile(r.t, r.configs[server], config)
}

// place gives every server these keys.
func (r *rollout) place(keys string) {
	r.t.Helper()
	for i := range r.Servers {
		r.key(i, keys)
	}
}

func (r *rollout) key(server int, keys string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(filepath.Dir(r.configs[server]), "key"), []byte(keys), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rollout) startAll() {
	r.t.Helper()
	for i := range r.Servers {
		r.daemons = append(r.daemons, r.run(i))
	}
	labtest.AwaitPeers(r.t, r.Lab)
}

// run starts the unit of a server and returns when it captures.
func (r *rollout) run(server int) *lab.Process {
	r.t.Helper()
	p := r.begin(server)
	r.captures(server, p)
	return p
}

// begin starts the unit of a server.
func (r *rollout) begin(server int) *lab.Process {
	r.t.Helper()
	return labtest.Start(r.t, r.Servers[server], "run", "--config", r.configs[server])
}

// captures waits until the unit of a server is ready.
func (r *rollout) captures(server int, p *lab.Process) {
	r.t.Helper()
	node := r.Servers[server]
	labtest.Eventually(r.t, 10*time.Second, "ptbrelay captures on "+node.Name(), func() error {
		if _, err := labtest.TryMetrics(r.t.Context(), node, labtest.MetricsURL); err != nil {
			return fmt.Errorf("%w: %s", err, p.Log())
		}
		if status, body := labtest.Get(r.t, node, labtest.ReadyURL); status != http.StatusOK {
			return fmt.Errorf("%d: %s", status, body)
		}
		return nil
	})
}

// command runs a command of ptbrelay on the first server.
func (r *rollout) command(args ...string) (code int, printed string) {
	r.t.Helper()
	return command(r.t, r.Servers[0], append(args, "--config", r.configs[0])...)
}

// watch ends a stream of messages by Ctrl-C when it has begun.
func (r *rollout) watch(server int, flags ...string) (code int, printed string) {
	r.t.Helper()
	p := labtest.Start(r.t, r.Servers[server], append([]string{"watch", "--config", r.configs[server]}, flags...)...)
	labtest.Eventually(r.t, 5*time.Second, "watch has begun", func() error {
		if !strings.Contains(p.Log(), "became") {
			return errNotYet
		}
		return nil
	})
	if err := p.Signal(syscall.SIGINT); err != nil {
		r.t.Fatal(err)
	}
	return ended(r.t, p)
}
