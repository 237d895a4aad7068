package integration

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// systemd is one of its own on a node: process 1 of namespaces of its own, on a
// root of its own with the programs of this host, in a control group of its own. Its
// network is the node's.
type systemd struct {
	t    testing.TB
	node *lab.Node
	pid  int // of process 1, here
}

// rootMade makes the root of a machine in the empty folder that it is run in, and goes
// there. What is below /usr can be written, and is gone with the machine. Of systemd's
// units there are the few that every other stands on, and they do nothing.
const rootMade = `set -eu
mount -t tmpfs -o mode=755 root .
cd "$PWD"
mkdir -p usr etc/systemd/system proc sys run tmp var/tmp home root dev upper work old
chmod 1777 tmp var/tmp
mount -t overlay -o lowerdir=/usr,upperdir=upper,workdir=work usr usr
for link in bin sbin lib lib64; do ln -s usr/$link $link; done
echo root:x:0:0::/root:/bin/sh >etc/passwd
echo root:x:0: >etc/group
echo 0123456789abcdef0123456789abcdef >etc/machine-id
: >etc/fstab
mount -t tmpfs -o mode=755 run run
mount -t proc proc proc
mount -t sysfs -o ro sys sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 dev dev
for device in null zero full random urandom tty; do
	: >dev/$device
	mount --bind /dev/$device dev/$device
done
mkdir dev/pts dev/shm dev/mqueue
ln -s pts/ptmx dev/ptmx
mount -t tmpfs units usr/lib/systemd/system
mount -t tmpfs generators usr/lib/systemd/system-generators
for target in sysinit basic sockets paths timers network network-online multi-user; do
	printf '[Unit]\nDescription=%s\n' $target >usr/lib/systemd/system/$target.target
done
printf '[Unit]\nDefaultDependencies=no\n' >usr/lib/systemd/system/shutdown.target
`

// booted makes systemd of the shell that has made the root.
const booted = `
pivot_root . old
umount -l old
export container=lab
exec /usr/lib/systemd/systemd --system --unit=multi-user.target --log-target=null --show-status=no
`

// requireSystemd skips the test where bootSystemd would, before there is work to do for it.
func requireSystemd(t testing.TB) {
	t.Helper()
	labtest.Require(t)
	if !ofRoot(t) {
		t.Skip("only root can boot systemd")
	}
	for _, program := range []string{"/usr/lib/systemd/systemd", "unshare", "nsenter", "pivot_root"} {
		requireProgram(t, program)
	}
}

// bootSystemd starts a machine on a node. The shell commands of prepare are run in its
// root before systemd is, where the root of this host is still /.
func bootSystemd(t testing.TB, n *lab.Node, prepare string) *systemd {
	t.Helper()
	requireSystemd(t)
	group := controlGroup(t)
	m := &systemd{t: t, node: n}
	cmd := exec.Command("unshare", "--cgroup", "sh", "-c", rootMade+prepare+booted)
	cmd.Dir = t.TempDir()
	said := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
		UseCgroupFD: true, CgroupFD: int(group.Fd()),
		Pdeathsig: syscall.SIGKILL, // of the thread that waits for it
	}
	started, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		err := n.Do(func() error {
			err := cmd.Start()
			started <- err
			if err == nil {
				_ = cmd.Wait() // what it was killed by is no news
			}
			return nil
		})
		if err != nil {
			started <- err
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // all others in its namespace die with it
		<-ended
	})
	m.pid = cmd.Process.Pid
	labtest.Eventually(t, 10*time.Second, "systemd runs", func() error {
		select {
		case <-ended:
			t.Fatalf("systemd did not start: %s", said)
		default:
		}
		if text, _ := m.run("systemctl", "is-system-running"); strings.TrimSpace(text) != "running" {
			return errors.New(text)
		}
		return nil
	})
	return m
}

// run is what a program says on a machine, and its exit code.
func (m *systemd) run(args ...string) (text string, code int) {
	m.t.Helper()
	cmd := exec.Command("nsenter", append([]string{"--target", strconv.Itoa(m.pid),
		"--mount", "--net", "--pid", "--ipc", "--uts", "--cgroup", "--root", "--wd", "--"}, args...)...)
	b, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		m.t.Fatal(err)
	}
	return string(b), cmd.ProcessState.ExitCode()
}

// must is what a program says that exits 0.
func (m *systemd) must(args ...string) (text string) {
	m.t.Helper()
	text, code := m.run(args...)
	if code != 0 {
		m.t.Fatalf("%s: exit code %d: %s", strings.Join(args, " "), code, text)
	}
	return strings.TrimSpace(text)
}

// controlGroup makes a control group below our own, for what makes more of them below
// itself. It is gone at the end of the test, with what still runs in it.
func controlGroup(t testing.TB) *os.File {
	t.Helper()
	path, err := os.MkdirTemp(ownControlGroup(t), "ptbrelay-test-")
	if err != nil {
		labtest.Unable(t, err)
	}
	t.Cleanup(func() {
		writeFile(t, filepath.Join(path, "cgroup.kill"), "1")
		labtest.Eventually(t, 10*time.Second, "the control group is empty", func() error { return removeGroups(path) })
	})
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// ownControlGroup is the folder of our own control group, of version 2.
func ownControlGroup(t testing.TB) (path string) {
	t.Helper()
	mounted, own := "", ""
	for line := range strings.Lines(fileText(t, "/proc/self/mountinfo")) {
		if before, after, ok := strings.Cut(line, " - "); ok && strings.HasPrefix(after, "cgroup2 ") {
			mounted = strings.Fields(before)[4]
		}
	}
	for line := range strings.Lines(fileText(t, "/proc/self/cgroup")) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			own = path
		}
	}
	if mounted == "" || own == "" {
		labtest.Unable(t, errors.New("no control groups of version 2 are mounted here"))
	}
	return filepath.Join(mounted, own)
}

// removeGroups removes a control group and those below it.
func removeGroups(path string) error {
	var all []string
	err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			all = append(all, path)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, group := range slices.Backward(all) {
		err = errors.Join(err, os.Remove(group))
	}
	return err
}
