package peers

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ptbrelay/config"
	"ptbrelay/integration/labtest"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fileConfig(path string) Config { return Config{File: path, Port: 7690, Parse: config.ParsePeer} }

func TestFileReplacedByRename(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	write(t, path, "# the group\n198.51.100.2\n\n2001:db8::2 # rack 2\r\n[2001:db8::3]:7691\n198.51.100.2:7692")
	r := begin(t, fileConfig(path))
	r.becomes("198.51.100.2:7690", "198.51.100.2:7692", "[2001:db8::2]:7690", "[2001:db8::3]:7691")
	for range 3 {
		replace(t, path, "198.51.100.3")
		r.becomes("198.51.100.3:7690")
		replace(t, path, "198.51.100.4")
		r.becomes("198.51.100.4:7690")
	}
	r.unresolvedIs(File, 0)
}

// The way in which the kubelet updates a ConfigMap: the file is a link into a
// link into a folder, and the link in the middle is renamed.
func TestFileBehindSwappedLinks(t *testing.T) {
	volume := t.TempDir()
	version := func(name, text string) {
		must(t, os.Mkdir(filepath.Join(volume, name), 0o700))
		write(t, filepath.Join(volume, name, "peers"), text)
		must(t, os.Symlink(name, filepath.Join(volume, "..data_tmp")))
		must(t, os.Rename(filepath.Join(volume, "..data_tmp"), filepath.Join(volume, "..data")))
	}
	version("..1", "198.51.100.2")
	path := filepath.Join(volume, "peers")
	must(t, os.Symlink("..data/peers", path))
	r := begin(t, fileConfig(path))
	r.becomes("198.51.100.2:7690")
	version("..2", "198.51.100.3")
	must(t, os.RemoveAll(filepath.Join(volume, "..1")))
	r.becomes("198.51.100.3:7690")
	version("..3", "198.51.100.4")
	r.becomes("198.51.100.4:7690")
	r.logs(0, "refused")
}

// A file that is cut and written in steps is read when it is whole.
func TestFileWrittenInSteps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	write(t, path, "198.51.100.2\n198.51.100.3\n")
	r := begin(t, fileConfig(path), func(p *Peers) { p.pace.settle, p.pace.longest = time.Second, time.Minute })
	r.becomes("198.51.100.2:7690", "198.51.100.3:7690")
	f, err := os.Create(path)
	must(t, err)
	for _, step := range []string{"198.51.100.2\n", "198.51.", "100.4\n"} {
		_, err := f.WriteString(step)
		must(t, err)
		labtest.Quiet(t, 50*time.Millisecond, "file in the making", func() error {
			return r.is([]string{"198.51.100.2:7690", "198.51.100.3:7690"})
		})
	}
	must(t, f.Close())
	r.becomes("198.51.100.2:7690", "198.51.100.4:7690")
	if n := len(r.told()); n != 2 {
		t.Errorf("told %d sets, want 2: %v", n, r.told())
	}
	r.logs(0, "refused")
}

// Where the folder never rests, the file is read all the same.
func TestFileInRestlessFolder(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "peers")
	write(t, path, "198.51.100.2")
	r := begin(t, fileConfig(path), func(p *Peers) { p.pace.settle, p.pace.longest = time.Hour, 50*time.Millisecond })
	r.becomes("198.51.100.2:7690")
	replace(t, path, "198.51.100.3")
	labtest.Eventually(t, soon, "set", func() error {
		write(t, filepath.Join(folder, "log"), "a line")
		return r.is([]string{"198.51.100.3:7690"})
	})
}

func TestFileRefusedKeepsTheList(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	write(t, path, "198.51.100.2")
	r := begin(t, fileConfig(path))
	r.becomes("198.51.100.2:7690")

	replace(t, path, "198.51.100.3\n198.51.100.4 198.51.100.5\n")
	r.logs(1, `line 2: \"198.51.100.4 198.51.100.5\" is neither address nor address:port`)
	r.stays("198.51.100.2:7690")
	replace(t, path, "198.51.100.3\n\n224.0.0.1\n")
	r.logs(1, "line 3: 224.0.0.1 is not the address of one server")
	r.stays("198.51.100.2:7690")
	replace(t, path, "")
	r.logs(1, "no address in it")
	r.stays("198.51.100.2:7690")
	must(t, os.Remove(path))
	r.logs(1, "no such file")
	r.stays("198.51.100.2:7690")
	r.logs(0, "good again")

	write(t, path, "198.51.100.3")
	r.becomes("198.51.100.3:7690")
	r.logs(1, "good again")
	if n := len(r.told()); n != 2 {
		t.Errorf("told %d sets, want 2: %v", n, r.told())
	}
}

func TestFileMissingAtStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	r := begin(t, fileConfig(path))
	r.becomes()
	r.unresolvedIs(File, 1)
	r.logs(1, "refused")
	r.logs(1, "no peers")
	write(t, path, "198.51.100.2")
	r.becomes("198.51.100.2:7690")
	r.unresolvedIs(File, 0)
	r.logs(1, "good again")
}

// A folder that comes later, and one that is replaced, are found by the clock
// and watched from then on; a lasting failure is one line.
func TestFolderComesAndGoes(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "etc")
	path := filepath.Join(folder, "peers")
	r := begin(t, fileConfig(path), func(p *Peers) { p.pace.reread = 20 * time.Millisecond })
	r.logs(1, "not watched")
	labtest.Quiet(t, 200*time.Millisecond, "log", func() error {
		if n := len(r.log.with("not watched")) + len(r.log.with("refused")); n != 2 {
			return fmt.Errorf("%d lines, want one of each", n)
		}
		return nil
	})
	must(t, os.Mkdir(folder, 0o700))
	write(t, path, "198.51.100.2")
	r.becomes("198.51.100.2:7690")
	r.logs(1, "watched again")
	must(t, os.Rename(folder, folder+".old"))
	r.logs(2, "not watched")
	must(t, os.Mkdir(folder, 0o700))
	write(t, path, "198.51.100.3")
	r.becomes("198.51.100.3:7690")
	r.logs(2, "watched again")
}

// What is no file is refused, and a FIFO without a writer holds nobody up.
func TestFileIsNoFile(t *testing.T) {
	folder := t.TempDir()
	fifo := filepath.Join(folder, "fifo")
	must(t, syscall.Mkfifo(fifo, 0o600))
	for _, path := range []string{folder, fifo} {
		if _, err := newFile(fileConfig(path), quick, slog.New(slog.DiscardHandler)).list(); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
