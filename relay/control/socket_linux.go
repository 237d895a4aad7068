package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// socketMode lets the daemon's user in, and root.
	socketMode = 0o600
	// directoryMode is that of a directory that the server makes.
	directoryMode = 0o700
	// lockTime is what another daemon gets to make its socket.
	lockTime = time.Second
	// maxPath is what sockaddr_un holds beside the final zero (unix(7)).
	maxPath = 107
)

// socket is a listening socket and its place in the file system.
type socket struct {
	*net.UnixListener
	path          string
	file          fs.FileInfo // what it was when it was made
	madeDirectory bool
	closed        sync.Once
}

// listen makes the socket at path; one that a killed daemon left is replaced,
// and nothing else.
func listen(path string) (s *socket, err error) {
	if err := checkLength(path); err != nil {
		return nil, err
	}
	s = &socket{path: path}
	directory := filepath.Dir(path)
	if s.madeDirectory, err = makeDirectory(directory); err != nil {
		return nil, err
	}
	if err := s.make(directory); err != nil {
		s.removeDirectory()
		return nil, err
	}
	return s, nil
}

// make makes the socket while no other daemon makes or replaces one in the
// directory, for of two that find a dead one the second would remove the
// living one of the first.
func (s *socket) make(directory string) error {
	unlock, err := lock(directory)
	if err != nil {
		return err
	}
	defer unlock()
	s.UnixListener, err = bind(s.path)
	if errors.Is(err, unix.EADDRINUSE) {
		if err := removeDead(s.path); err != nil {
			return err
		}
		s.UnixListener, err = bind(s.path)
	}
	if err != nil {
		return err
	}
	if s.file, err = os.Lstat(s.path); err != nil {
		return errors.Join(err, s.UnixListener.Close())
	}
	return nil
}

// Close removes the socket from the file system, unless it is another's by now,
// and closes it. While it listens no other daemon replaces it, so it is closed
// last.
func (s *socket) Close() (err error) {
	s.closed.Do(func() {
		if now, e := os.Lstat(s.path); e == nil && os.SameFile(now, s.file) {
			err = os.Remove(s.path)
		}
		s.removeDirectory()
		err = errors.Join(err, s.UnixListener.Close())
	})
	return err
}

// removeDirectory leaves nothing behind; a directory that others use stays.
func (s *socket) removeDirectory() {
	if s.madeDirectory {
		_ = os.Remove(filepath.Dir(s.path))
	}
}

func checkLength(path string) error {
	if len(path) > maxPath {
		return fmt.Errorf("%s: a socket's path has at most %d bytes, this one %d: choose a shorter one", path, maxPath, len(path))
	}
	return nil
}

func makeDirectory(path string) (made bool, err error) {
	err = os.Mkdir(path, directoryMode)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrExist):
		return false, nil
	}
	return false, fmt.Errorf("%w: make it for the daemon's user (systemd: RuntimeDirectory=)", err)
}

// lock takes the directory's lock, which leaves no file and goes with the
// process.
func lock(directory string) (unlock func(), err error) {
	f, err := os.Open(directory)
	if err != nil {
		return nil, err
	}
	deadline := time.NewTimer(lockTime)
	defer deadline.Stop()
	tick := time.NewTicker(lockTime / 100)
	defer tick.Stop()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return nil, errors.Join(fmt.Errorf("lock %s: %w: another process holds it", directory, err), f.Close())
		}
	}
}

// bind fails with EADDRINUSE where anything is at path.
func bind(path string) (*net.UnixListener, error) {
	c := net.ListenConfig{Control: private}
	l, err := c.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	unixListener := l.(*net.UnixListener)
	unixListener.SetUnlinkOnClose(false) // it would not ask whose it is
	return unixListener, nil
}

// private gives a socket its mode before it is bound, so that the file has it
// from the first moment on: the kernel takes the mode of the socket's own inode,
// without the bits of the umask (unix_bind_bsd in net/unix/af_unix.c).
func private(_, _ string, c syscall.RawConn) error {
	var err error
	if e := c.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), socketMode) }); e != nil {
		return e
	}
	return os.NewSyscallError("fchmod", err)
}

// removeDead removes the socket of a daemon that is no more.
func removeDead(path string) error {
	file, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if file.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is there and is no socket: remove it, or choose another path", path)
	}
	c, err := net.DialTimeout("unix", path, lockTime)
	switch {
	case err == nil:
		return errors.Join(fmt.Errorf("a living daemon answers at %s: stop it, or choose another path", path), c.Close())
	case errors.Is(err, unix.ECONNREFUSED):
		return os.Remove(path)
	}
	return fmt.Errorf("cannot tell whether a daemon lives at %s: %w: stop it, or choose another path", path, err)
}
