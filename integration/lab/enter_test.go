//go:build linux

package lab_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// outside is the variable that tells the inner process that it is.
const outside = "PTBRELAY_LAB_OUTSIDE"

// enter is a daemon that enters namespaces of its own, from inside a node.
// Exit code 50 is for what must not happen.
func enter(args []string) int {
	runtime.LockOSThread() // capabilities are the thread's
	for _, arg := range args[1:] {
		var err error
		if os.Getenv(outside) != "" {
			break // this is for the outer process
		}
		switch arg {
		case "without-cap":
			err = dropSysAdmin()
		case "chrooted":
			err = chroot()
		}
		if err != nil {
			fmt.Println(arg, err)
			return 50
		}
	}
	code, inside, err := lab.Enter(context.Background())
	switch {
	case errors.Is(err, lab.ErrRefused):
		fmt.Println(err)
		return 40
	case err != nil:
		fmt.Println(err)
		return 41
	case !inside:
		return code
	}
	links, err := net.Interfaces()
	_, again, _ := lab.Enter(context.Background())
	if err != nil || len(links) != 1 || links[0].Flags&net.FlagUp == 0 || !again || os.Getuid() != 0 {
		fmt.Println(links, again, os.Getuid(), err)
		return 50
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	fmt.Println("inside", os.Getpid())
	if args[0] == "enter-wait" {
		<-ctx.Done()
	}
	return 9
}

// dropSysAdmin clears CAP_SYS_ADMIN from the calling thread's effective set.
// What it executes as root gets it back where it is permitted.
func dropSysAdmin() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[0].Effective &^= 1 << unix.CAP_SYS_ADMIN
	return unix.Capset(&header, &data[0])
}

// chroot moves the process to where the kernel refuses user namespaces.
func chroot() error {
	const root = "/run/root"
	if err := os.Mkdir(root, 0o700); err != nil {
		return err
	}
	if err := unix.Mount("/", root, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	return unix.Chroot(root)
}

func TestEnter(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"as root", []string{"enter"}, 9, "inside"},
		{"as root without CAP_SYS_ADMIN", []string{"enter", "without-cap"}, 9, "inside"},
		{"refused", []string{"enter", "chrooted", "without-cap"}, 40, "user.max_user_namespaces"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := start(t, labtest.Node(t, "n"), c.args...)
			if code := wait(t, p); code != c.code || !strings.Contains(p.Log(), c.says) {
				t.Errorf("exit code %d, want %d; output lacks %q:\n%s", code, c.code, c.says, p.Log())
			}
		})
	}
}

func TestEnterPassesSignalsOn(t *testing.T) {
	p := start(t, labtest.Node(t, "n"), "enter-wait")
	awaitLog(t, p, "inside")
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := wait(t, p); code != 9 {
		t.Errorf("exit code %d, want 9:\n%s", code, p.Log())
	}
}

func TestEnterInnerDiesWithOuter(t *testing.T) {
	p := start(t, labtest.Node(t, "n"), "enter-wait")
	awaitLog(t, p, "inside")
	inner, err := strconv.Atoi(strings.Fields(p.Log())[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	labtest.Eventually(t, 5*time.Second, "inner process is gone", func() error {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", inner))
		if err != nil {
			return nil
		}
		// Nobody may be there to reap it.
		if f := strings.Fields(string(b)); len(f) > 2 && f[2] == "Z" {
			return nil
		}
		return fmt.Errorf("%s", b)
	})
}

func TestEnterRefusesAMarkerOfTheSameNamespace(t *testing.T) {
	n := labtest.Node(t, "n")
	var st unix.Stat_t
	if err := n.Do(func() error { return unix.Stat("/proc/thread-self/ns/net", &st) }); err != nil {
		t.Fatal(err)
	}
	p, err := n.Start(t.Context(), lab.Command{
		Args: []string{"enter"},
		Env:  []string{labtest.ActAsDaemon + "=1", outside + "=" + strconv.FormatUint(st.Ino, 10)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if code := wait(t, p); code != 41 || !strings.Contains(p.Log(), "unset it") {
		t.Errorf("exit code %d:\n%s", code, p.Log())
	}
}
