package app

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// runAudit runs the command with defaults.
func runAudit(ctx context.Context, t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	defaults := filepath.Join(t.TempDir(), "defaults.yaml")
	if err := os.WriteFile(defaults, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code = Run(ctx, append([]string{"-c", defaults, "audit"}, args...), nil, &out, &errs)
	return code, out.String(), errs.String()
}

// What cannot be asked for at once, or makes no sense, is an error of usage.
func TestAuditFlags(t *testing.T) {
	for want, args := range map[string][]string{
		"--for, --pcap and --daemon exclude one another": {"--daemon", "--pcap", "x"},
		"--for 0s: give a time":                          {"--for", "0s"},
		"--pcap is empty":                                {"--pcap", ""},
	} {
		code, stdout, stderr := runAudit(t.Context(), t, args...)
		if code != exitUsage || stdout != "" || !strings.HasPrefix(stderr, "ptbrelay: "+want) {
			t.Errorf("%q: exit code %d, %q, %q", args, code, stdout, stderr)
		}
	}
}

// A named pipe that nobody writes to ends with the command, not the command with it.
func TestCaptureThatNobodyWrites(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // lets go who opens it
		fd, err := unix.Open(pipe, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err == nil {
			err = unix.Close(fd)
		}
		if err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code, _, stderr := runAudit(ctx, t, "--pcap", pipe); code != exitInterrupted {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// A place that no report can go to is told before anything is observed, here before
// the capture is looked for.
func TestAuditTriesOutputFirst(t *testing.T) {
	folder := t.TempDir()
	for output, want := range map[string]string{
		folder: "is a directory",
		filepath.Join(folder, "nowhere", "report"): "no such file",
		"/proc/version": "/proc/",
	} {
		code, _, stderr := runAudit(t.Context(), t, "--pcap", filepath.Join(folder, "missing.pcap"), "-o", output)
		if code != exitFailure || !strings.Contains(stderr, want) || strings.Contains(stderr, "missing.pcap") {
			t.Errorf("-o %s: exit code %d: %s", output, code, stderr)
		}
	}
	report := filepath.Join(folder, "report")
	if _, _, stderr := runAudit(t.Context(), t, "--pcap", filepath.Join(folder, "missing.pcap"), "-o", report); !strings.Contains(stderr, "missing.pcap") {
		t.Error(stderr)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// Who may read a report is whoever might read the one before.
func TestReportKeepsPermissions(t *testing.T) {
	report := filepath.Join(t.TempDir(), "report*")
	if err := os.WriteFile(report, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	blackhole := filepath.Join("..", "..", "..", "integration", "testdata", "blackhole.pcap")
	if code, _, stderr := runAudit(t.Context(), t, "--pcap", blackhole, "-o", report); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	info, err := os.Stat(report)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 || info.Size() < 100 {
		t.Errorf("mode %v, %d bytes", info.Mode(), info.Size())
	}
}
