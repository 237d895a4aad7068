package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
)

// container is a process as container runtimes start it.
type container struct {
	t   *testing.T
	cmd *exec.Cmd
	log string // the file of what it prints
}

// startContainer starts a program on a node with a root folder of its own, read-only,
// the configuration below /etc/ptbrelay, an empty /run/ptbrelay, and of all capabilities
// two: what `docker run` does with the options that the Dockerfile names.
func startContainer(t *testing.T, node *lab.Node, root string, argv []string, config string) container {
	t.Helper()
	c := container{t: t, cmd: exec.Command(argv[0], argv[1:]...), log: filepath.Join(t.TempDir(), "log")}
	output, err := os.Create(c.log)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	c.cmd.Stdout, c.cmd.Stderr = output, output
	c.cmd.Dir, c.cmd.Env = "/", []string{"PATH=/usr/bin"}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	etc := t.TempDir()
	if config != "" {
		writeFile(t, filepath.Join(etc, "config.yaml"), config)
	}
	// A process inherits what its thread has, and this one is nobody else's.
	err = node.Do(func() error {
		if err := mountContainer(root, etc); err != nil {
			return err
		}
		if err := keepCapabilities(unix.CAP_NET_ADMIN, unix.CAP_NET_RAW); err != nil {
			return err
		}
		return c.cmd.Start()
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c.cmd.ProcessState == nil {
			_ = c.cmd.Process.Signal(unix.SIGTERM)
			c.wait()
		}
	})
	return c
}

// wait returns how the process ended, and what it printed.
func (c container) wait() (code int, printed string) {
	c.t.Helper()
	_ = c.cmd.Wait() // the exit code says it all
	return c.cmd.ProcessState.ExitCode(), fileText(c.t, c.log)
}

// checkPrivileges fails the test unless the process has the two capabilities only, and
// gets no more.
func (c container) checkPrivileges() {
	c.t.Helper()
	status := fileText(c.t, fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	const two = 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_NET_RAW
	for _, want := range []string{fmt.Sprintf("\nCapEff:\t%016x\n", two), fmt.Sprintf("\nCapBnd:\t%016x\n", two), "\nNoNewPrivs:\t1\n"} {
		if !strings.Contains(status, want) {
			c.t.Errorf("want %q in its status:\n%s", want, status)
		}
	}
}

// mountContainer mounts what a container sees, for the calling thread alone.
func mountContainer(root, etc string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	for _, m := range []struct {
		source, target, kind string
		flags                uintptr
	}{
		{root, "", "", unix.MS_BIND},
		{"proc", "proc", "proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC},
		{etc, "etc/ptbrelay", "", unix.MS_BIND},
		{"tmpfs", "run/ptbrelay", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC},
		{"", "", "", unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY},
	} {
		target := filepath.Join(root, m.target)
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.source, target, m.kind, m.flags, ""); err != nil {
			return &os.PathError{Op: "mount", Path: target, Err: err}
		}
	}
	return nil
}

// keepCapabilities has what the calling thread starts keep these at most.
func keepCapabilities(kept ...uintptr) error {
	for c := range uintptr(unix.CAP_LAST_CAP + 1) {
		if slices.Contains(kept, c) {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return err
		}
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}
