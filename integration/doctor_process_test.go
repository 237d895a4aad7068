package integration

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"ptbrelay/integration/labtest"
)

// asNobody is the environment variable that takes all privileges from the processes
// that tests start.
const asNobody = "PTBRELAY_AS_NOBODY"

// init has the processes that tests start obey.
func init() {
	if os.Getenv(labtest.ActAsDaemon) == "" || os.Getenv(asNobody) == "" {
		return
	}
	fmt.Fprintln(os.Stderr, becomeNobody())
	os.Exit(1)
}

// becomeNobody runs this program again without any capability, and as the user
// nobody where this user namespace has one. It returns only if it cannot.
func becomeNobody() error {
	const (
		nobody = 65534
		noRoot = 1 // SECBIT_NOROOT: root is a user like others (capabilities(7))
	)
	runtime.LockOSThread() // what is set here is of the thread, and stays with it when it runs another program
	if err := os.Unsetenv(asNobody); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, noRoot, 0, 0, 0); err != nil {
		return fmt.Errorf("make root a user like others: %w", err)
	}
	_ = syscall.Setgroups(nil)                            // not allowed in a user namespace of an ordinary user,
	_ = syscall.Setresgid(nobody, nobody, nobody)         // which has
	if syscall.Setresuid(nobody, nobody, nobody) != nil { // no such user either
		header, none := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, [2]unix.CapUserData{}
		if err := unix.Capset(&header, &none[0]); err != nil {
			return fmt.Errorf("drop capabilities: %w", err)
		}
	}
	return syscall.Exec("/proc/self/exe", os.Args, os.Environ())
}
