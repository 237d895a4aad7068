package control

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// listening is a socket at path that the test closes.
func listening(t *testing.T, path string) *socket {
	t.Helper()
	s, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// dead leaves a socket at path as a killed daemon does.
func dead(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// answers tells whether something accepts connections at path.
func answers(t *testing.T, path string) bool {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Lstat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

// Whatever the umask, nobody else can open the socket, not even for a moment:
// its mode is never changed after it came to be.
func TestSocketMode(t *testing.T) {
	dir := t.TempDir()
	watch, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(watch)
	if _, err := unix.InotifyAddWatch(watch, dir, unix.IN_CREATE|unix.IN_ATTRIB|unix.IN_MOVED_TO); err != nil {
		t.Fatal(err)
	}
	defer unix.Umask(unix.Umask(0))
	s := listening(t, filepath.Join(dir, "s"))
	file, err := os.Stat(s.path)
	if err != nil {
		t.Fatal(err)
	}
	if got := file.Mode(); got != fs.ModeSocket|0o600 {
		t.Errorf("mode %v", got)
	}
	b := make([]byte, 4096)
	n, err := unix.Read(watch, b)
	if err != nil {
		t.Fatal(err)
	}
	if event := (*unix.InotifyEvent)(unsafe.Pointer(&b[0])); event.Mask != unix.IN_CREATE || n != unix.SizeofInotifyEvent+int(event.Len) {
		t.Errorf("something else than one creation: mask %#x in %d bytes", event.Mask, n)
	}
}

func TestDeadSocketReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead(t, path)
	if answers(t, path) {
		t.Fatal("the dead one answers")
	}
	listening(t, path)
	if !answers(t, path) {
		t.Error("the new one does not answer")
	}
}

// What is not ours to remove stays as it is.
func TestRespected(t *testing.T) {
	for _, c := range []struct {
		name string
		lay  func(t *testing.T, path string)
		want string
	}{
		{"living daemon", func(t *testing.T, path string) { listening(t, path) }, "a living daemon answers at"},
		{"busy daemon", fullBacklog, "cannot tell whether a daemon lives at"},
		{"file", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "is no socket"},
		{"directory", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "is no socket"},
		{"symlink to nothing", func(t *testing.T, path string) {
			if err := os.Symlink("nowhere", path); err != nil {
				t.Fatal(err)
			}
		}, "is no socket"},
		{"symlink to a dead socket", func(t *testing.T, path string) {
			dead(t, path+"-dead")
			if err := os.Symlink(path+"-dead", path); err != nil {
				t.Fatal(err)
			}
		}, "is no socket"},
		{"datagram socket", func(t *testing.T, path string) {
			l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
		}, "cannot tell whether a daemon lives at"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			c.lay(t, path)
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Listen(path, new(Hub))
			if err == nil || !strings.HasPrefix(err.Error(), "control: ") || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v", err)
			}
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
				t.Errorf("it was replaced: %v", err)
			}
		})
	}
}

// fullBacklog is a daemon that has no time to accept.
func fullBacklog(t *testing.T, path string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("unix", path) // a backlog of 0 holds one
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
}

// Of daemons that start at once over a dead socket exactly one gets it, and that
// one answers.
func TestRaceForDeadSocket(t *testing.T) {
	for range 20 {
		path := filepath.Join(t.TempDir(), "s")
		dead(t, path)
		var got atomic.Int32
		var starts sync.WaitGroup
		for range 8 {
			starts.Go(func() {
				s, err := listen(path)
				if err != nil {
					return
				}
				got.Add(1)
				t.Cleanup(func() { _ = s.Close() })
			})
		}
		starts.Wait()
		if n := got.Load(); n != 1 || !answers(t, path) {
			t.Fatalf("%d got it, and it answers: %v", n, answers(t, path))
		}
	}
}

// The directory is made where it is absent, for nobody else, and is gone again
// afterwards; one that was there stays, and so does what others put there.
func TestDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ptbrelay")
	path := filepath.Join(dir, "s")
	s := listening(t, path)
	if file, err := os.Stat(dir); err != nil || file.Mode() != fs.ModeDir|0o700 {
		t.Errorf("%v %v", file.Mode(), err)
	}
	if err := s.Close(); err != nil || exists(t, dir) {
		t.Errorf("the directory is left: %v", err)
	}

	s = listening(t, path)
	if err := os.WriteFile(filepath.Join(dir, "other"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil || exists(t, path) || !exists(t, filepath.Join(dir, "other")) {
		t.Errorf("with another's file: %v", err)
	}

	if err := os.Remove(filepath.Join(dir, "other")); err != nil {
		t.Fatal(err)
	}
	s = listening(t, path)
	if err := s.Close(); err != nil || exists(t, path) || !exists(t, dir) {
		t.Errorf("a directory that was there: %v", err)
	}
}

// One who fails leaves nothing either.
func TestListenErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "absent/absent/s"):                "make it for the daemon's user",
		filepath.Join(dir, "file/s"):                         "not a directory",
		filepath.Join(dir, "new", strings.Repeat("s", 100)):  "at most 107 bytes",
		filepath.Join(dir, "new", strings.Repeat("s", 1000)): "at most 107 bytes",
	} {
		if _, err := Listen(path, new(Hub)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", path, err, want)
		}
	}
	if exists(t, filepath.Join(dir, "new")) || exists(t, filepath.Join(dir, "absent")) {
		t.Error("a directory is left")
	}
}

// Another who holds the directory's lock can keep us out, not hold us up.
func TestLockHeld(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := listen(filepath.Join(dir, "s")); err == nil || !strings.Contains(err.Error(), "another process holds it") {
		t.Errorf("%v", err)
	}
}

// What another put in the place of our socket is not ours to remove; nor is it
// by a second Close.
func TestCloseLeavesOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first := listening(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	listening(t, path)
	for range 2 {
		if err := first.Close(); err != nil {
			t.Error(err)
		}
		if !answers(t, path) {
			t.Fatal("the other's socket is gone")
		}
	}
}
