package integration

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// admin is a host with a shell, on which ptbrelay is installed.
type admin struct {
	t   *testing.T
	dir string
}

// newAdmin installs this test binary, which labtest.Main makes a ptbrelay by its
// environment.
func newAdmin(t *testing.T) *admin {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a := &admin{t: t, dir: t.TempDir()}
	program := fmt.Sprintf("#!/bin/sh\nexec %q \"$@\"\n", self)
	if err := os.WriteFile(filepath.Join(a.dir, "ptbrelay"), []byte(program), 0o700); err != nil {
		t.Fatal(err)
	}
	return a
}

// shell is a line of shell in the admin's folder.
func (a *admin) shell(line string) *exec.Cmd {
	c := exec.CommandContext(a.t.Context(), "sh", "-c", line)
	c.Dir = a.dir
	c.Env = append(os.Environ(), labtest.DaemonEnv()...)
	c.Env = append(c.Env, "PATH="+a.dir+":"+os.Getenv("PATH"))
	return c
}

// sh does a line of shell.
func (a *admin) sh(line string) {
	a.t.Helper()
	if out, err := a.shell(line).CombinedOutput(); err != nil {
		a.t.Fatalf("%s: %v: %s", line, err, out)
	}
}

func (a *admin) read(name string) string {
	a.t.Helper()
	return fileText(a.t, filepath.Join(a.dir, name))
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
