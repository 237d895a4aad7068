package integration

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
)

// here is what there is in the place of a path of the page.
func (o *operator) here(path string) string {
	return strings.ReplaceAll(path, "/usr/local/bin/", o.admin.dir+"/")
}

// shell has a shell do a line of the page on a server.
func (o *operator) shell(server int, line, input string) (code int, printed string) {
	o.t.Helper()
	return o.admin.on(o.Servers[server], o.here(line), input)
}

// installConfig makes the folder of a server's configuration its /etc/ptbrelay, beside
// all that the host has in /etc.
func (o *operator) installConfig(server int) {
	o.t.Helper()
	const real = "/run/etc"
	err := o.Servers[server].Do(func() error {
		entries, err := os.ReadDir("/etc")
		if err != nil {
			return err
		}
		err = errors.Join(
			os.Mkdir(real, 0o755),
			unix.Mount("/etc", real, "", unix.MS_BIND|unix.MS_REC, ""),
			unix.Mount("tmpfs", "/etc", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=1m"),
			os.Symlink(filepath.Dir(o.configs[server]), "/etc/ptbrelay"),
		)
		for _, e := range entries {
			if e.Name() != "ptbrelay" {
				err = errors.Join(err, os.Symlink(filepath.Join(real, e.Name()), filepath.Join("/etc", e.Name())))
			}
		}
		return err
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

// on has a shell do a line on another host, in the admin's folder.
func (a *admin) on(host *lab.Node, line, input string) (code int, printed string) {
	a.t.Helper()
	c := a.shell(line)
	c.Env = append(c.Env, "no_proxy=*") // none leads into the lab
	c.Stdin = strings.NewReader(input)
	var out []byte
	err := host.Do(func() (err error) {
		out, err = c.CombinedOutput()
		return err
	})
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		a.t.Fatalf("%s: %v", line, err)
	}
	return c.ProcessState.ExitCode(), string(out)
}
