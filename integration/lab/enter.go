//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ErrRefused is wrapped by the errors of [Enter] that say that this host does
// not let this user make the namespaces; their text says how to change that.
var ErrRefused = errors.New("this host does not allow the lab's namespaces")

// marker is the environment variable by which the inner process knows that it
// is the inner one; its value is the inode of the outer network namespace.
const marker = "PTBRELAY_LAB_OUTSIDE"

// terminationGrace is how long the inner process may take to end after the
// context did, before it is killed.
const terminationGrace = 5 * time.Second

var entered atomic.Bool

// Enter runs this process again, with the same arguments, environment and
// standard streams, inside a new network and a new mount namespace: as root
// directly, otherwise (or as root without CAP_SYS_ADMIN) within a new user
// namespace in which the user is root.
//
// In the outer process it returns when the inner one has ended, with inside
// false and the inner one's exit code (128 + n for death by signal n): the
// caller exits with it. In the inner process it returns inside true at once.
// SIGINT, SIGTERM, SIGHUP and SIGQUIT are passed on (a terminal's Ctrl-C
// therefore arrives twice), the end of ctx arrives as SIGTERM, and the inner
// process dies with the outer one.
func Enter(ctx context.Context) (code int, inside bool, err error) {
	if entered.Load() {
		return 0, true, nil
	}
	here, err := netnsInode()
	if err != nil {
		return 1, false, err
	}
	outside := os.Getenv(marker)
	if outside == "" {
		code, err = reexec(ctx, here)
		return code, false, err
	}
	if outside == here {
		return 1, false, fmt.Errorf("environment variable %s is set, but this is still the outer network namespace; unset it", marker)
	}
	if err := settle(); err != nil {
		return 1, false, err
	}
	if err := os.Unsetenv(marker); err != nil {
		return 1, false, fmt.Errorf("unset %s: %w", marker, err)
	}
	entered.Store(true)
	return 0, true, nil
}

// reexec starts the inner process and waits for it.
func reexec(ctx context.Context, outside string) (int, error) {
	if os.Geteuid() == 0 && hasSysAdmin() {
		code, err := runInside(ctx, outside, &syscall.SysProcAttr{
			Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		})
		if !errors.Is(err, syscall.EPERM) {
			return code, err
		}
	}
	code, err := runInside(ctx, outside, &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	})
	if isRefusal(err) {
		return code, refused("create a user namespace", err)
	}
	return code, err
}

// runInside runs this program with attr's namespaces. An error means that it
// did not start; once it ran, its exit code is all that counts.
func runInside(ctx context.Context, outside string, attr *syscall.SysProcAttr) (int, error) {
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = os.Args
	cmd.Env = append(os.Environ(), marker+"="+outside)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = terminationGrace
	attr.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr = attr

	// Pdeathsig watches the thread that started the process: keep it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 1, fmt.Errorf("run this program in new namespaces: %w", err)
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for {
			select {
			case s := <-signals:
				_ = cmd.Process.Signal(s) // it may just have ended
			case <-ended:
				return
			}
		}
	}()
	_ = cmd.Wait() // the exit code says it all
	return exitCode(cmd.ProcessState), nil
}

// settle makes the inner process's fresh namespaces usable: no mount made in
// them reaches the host, and loopback is up.
func settle() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return refused("make the mounts private", err)
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return refused("bring lo up", err)
	}
	return nil
}

// exitCode is the shell's view of how a process ended.
func exitCode(state *os.ProcessState) int {
	if state == nil {
		return 1
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// isRefusal tells the errors by which kernels and containers refuse
// namespaces from all others: EPERM and EACCES from policy, ENOSPC where
// user.max_user_namespaces is reached, EINVAL and ENOSYS where they are not
// built in (clone(2), user_namespaces(7)).
func isRefusal(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EPERM, syscall.EACCES, syscall.ENOSPC, syscall.EUSERS, syscall.EINVAL, syscall.ENOSYS} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

func refused(what string, err error) error {
	return fmt.Errorf("%w: %s: %w; run it as root, or allow user namespaces: sysctl user.max_user_namespaces=15000, "+
		"and where they exist kernel.unprivileged_userns_clone=1 and kernel.apparmor_restrict_unprivileged_userns=0; "+
		"in a container its seccomp profile may have to allow them too", ErrRefused, what, err)
}

func netnsInode() (string, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/net", &st); err != nil {
		return "", fmt.Errorf("read /proc/self/ns/net: %w; the lab needs /proc and a kernel with network namespaces", err)
	}
	return strconv.FormatUint(st.Ino, 10), nil
}

// hasSysAdmin reports whether CAP_SYS_ADMIN is effective; containers often
// have a root without it.
func hasSysAdmin() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}
