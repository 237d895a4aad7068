package integration

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// on does something to the files that a node's processes see.
func on(t testing.TB, n *lab.Node, do func() error) {
	t.Helper()
	if err := n.Do(do); err != nil {
		t.Fatal(err)
	}
}

// content is what a file on a node holds.
func content(t testing.TB, n *lab.Node, path string) (text string) {
	t.Helper()
	on(t, n, func() error {
		b, err := os.ReadFile(path)
		text = string(b)
		return err
	})
	return text
}

// names are what is in a folder on a node.
func names(t testing.TB, n *lab.Node, folder string) (all []string) {
	t.Helper()
	on(t, n, func() error {
		entries, err := os.ReadDir(folder)
		for _, e := range entries {
			all = append(all, e.Name())
		}
		return err
	})
	return all
}

// With -o the report is in the file and nothing on stdout: whole or not at all.
// What was there stays until it is.
func TestAuditOutput(t *testing.T) {
	n := labtest.Node(t, "host")
	whole := saved(t, pcapOf(t, slices.Repeat([][]byte{ethernet(classifytest.PTB{}.Bytes())}, 100)))
	noise := saved(t, []byte("no capture"))
	const folder, report, link, old = "/run/reports", "/run/reports/report.json", "/run/link", "an older report\n"
	on(t, n, func() error { return os.Mkdir(folder, 0o755) })
	want := startAudit(t, n, "--pcap", whole, "--format", "json").exits(0).stdout.String()
	audit := func(code int, path, output string) *auditing {
		t.Helper()
		a := startAudit(t, n, "--pcap", path, "--format", "json", "-o", output).exits(code)
		if a.stdout.String() != "" {
			t.Errorf("with -o %s it printed\n%s", output, &a.stdout)
		}
		return a
	}
	expect := func(what, path, text string) {
		t.Helper()
		if got := content(t, n, path); got != text {
			t.Errorf("%s: %s holds\n%.300s\nwant\n%.300s", what, path, got, text)
		}
		if all := names(t, n, folder); !slices.Equal(all, []string{"report.json"}) {
			t.Errorf("%s: there are %q", what, all)
		}
	}

	audit(0, whole, report)
	expect("new", report, want)
	on(t, n, func() error {
		return errors.Join(os.WriteFile(report, []byte(old), 0), os.Chmod(report, 0o640))
	})
	audit(1, noise, report)
	expect("no report", report, old)
	fill(t, n, "/run/ballast")
	checkError(t, audit(1, whole, report).stderr.String(), "no space")
	expect("no space", report, old)
	on(t, n, func() error { return os.Remove("/run/ballast") })
	on(t, n, func() error { return os.Symlink(report, link) })
	audit(0, whole, link)
	expect("by a link", report, want)
	on(t, n, func() error {
		l, err := os.Lstat(link)
		if err != nil {
			return err
		}
		f, err := os.Stat(link)
		if err == nil && (l.Mode().Type() != fs.ModeSymlink || f.Mode() != 0o640) {
			t.Errorf("the link is %v, the file %v", l.Mode(), f.Mode())
		}
		return err
	})
	checkError(t, audit(1, whole, "/run/nowhere/report.json").stderr.String(), "no such file")
	checkError(t, audit(1, whole, folder).stderr.String(), "directory")
	expect("refused", report, want)
}

// fill takes all room of a file system for a file; a node's /run is small.
func fill(t testing.TB, n *lab.Node, path string) {
	t.Helper()
	on(t, n, func() error {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer f.Close()
		for block := make([]byte, 1<<16); len(block) > 0; {
			if _, err := f.Write(block); err != nil {
				block = block[:len(block)/2]
			}
		}
		return nil
	})
}

// Devices are written to, and stay devices.
func TestAuditOutputToDevice(t *testing.T) {
	n := labtest.Node(t, "host")
	path := saved(t, pcapOf(t, [][]byte{ethernet(classifytest.PTB{}.Bytes())}))
	null, full := borrow(t, n, "null"), borrow(t, n, "full")
	a := startAudit(t, n, "--pcap", path, "-o", null).exits(0)
	if said := a.stdout.String() + a.stderr.String(); said != "" {
		t.Errorf("it said %q", said)
	}
	startAudit(t, n, "--pcap", path, "-o", full).refuses("no space")
	on(t, n, func() error {
		for _, device := range []string{null, full} {
			info, err := os.Stat(device)
			if err != nil || info.Mode()&fs.ModeCharDevice == 0 {
				t.Errorf("%s is %v, %v", device, info, err)
			}
		}
		return nil
	})
	if left := names(t, n, "/run"); !slices.Equal(left, []string{"full", "null"}) {
		t.Errorf("there are %q", left)
	}
}

// borrow shows a device of the host at another path of a node. What would replace
// the device by a file there fails: the host's own is everybody's.
func borrow(t testing.TB, n *lab.Node, device string) (path string) {
	t.Helper()
	path = "/run/" + device
	if err := n.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	on(t, n, func() error { return unix.Mount("/dev/"+device, path, "", unix.MS_BIND, "") })
	return path
}

// A live report whose file cannot be written after all is not lost: it is printed.
func TestAuditOutputOfLive(t *testing.T) {
	n := labtest.Node(t, "host")
	const report = "/run/report.json"
	a := startAudit(t, n, "--for", "1h", "--format", "json", "-o", report).observing()
	fill(t, n, "/run/ballast")
	a.signal(syscall.SIGINT)
	a.exits(1)
	checkError(t, a.stderr.String(), "no space")
	if r := a.report(); !strings.HasPrefix(r.Ended, "interrupted") {
		t.Errorf("ended %q", r.Ended)
	}
	if left := names(t, n, "/run"); !slices.Equal(left, []string{"ballast"}) {
		t.Errorf("there are %q", left)
	}
	nothingLeft(t, n)
}

// The report so far of a broken capture goes to the file too.
func TestAuditOutputSoFar(t *testing.T) {
	n := labtest.Node(t, "host")
	file := pcapOf(t, slices.Repeat([][]byte{ethernet(classifytest.PTB{}.Bytes())}, 10))
	path, report := saved(t, file[:len(file)-1]), filepath.Join(t.TempDir(), "report.json")
	a := startAudit(t, n, "--pcap", path, "--format", "json", "-o", report).exits(1)
	r := parseReport(t, content(t, n, report))
	if r.Messages.Packets != 9 || r.Ended == "" || !strings.Contains(a.stderr.String(), r.Ended) {
		t.Errorf("%d packets, ended %q, said %q", r.Messages.Packets, r.Ended, &a.stderr)
	}
}
