package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"ptbrelay/cmd/ptbrelay/app/fabric"
	"ptbrelay/cmd/ptbrelay/app/logs"
	"ptbrelay/cmd/ptbrelay/app/settings"
	"ptbrelay/config"
	"ptbrelay/relay/rules"
)

// changingFabric is one of which only a reload wants something.
type changingFabric struct {
	fabric.Fabric
	bad       error // that Prepare meets
	committed int
}

func (f *changingFabric) Prepare(config.Config) (func(), error) {
	return func() { f.committed++ }, f.bad
}
func (f *changingFabric) Follow(settings.Situation) {}
func (f *changingFabric) FanOut() int               { return 1 }

// reloading is a daemon whose configuration the test writes.
type reloading struct {
	*reloader
	t      *testing.T
	fabric *changingFabric
	next   config.Config
	bad    error // of the reading
	log    bytes.Buffer
}

func newReloading(t *testing.T) *reloading {
	t.Helper()
	r := &reloading{t: t, next: config.Default()}
	d := testDaemon()
	r.fabric = &changingFabric{Fabric: d.fabric}
	d.fabric, d.level, d.log = r.fabric, new(logs.Level), slog.New(slog.NewTextHandler(&r.log, nil))
	d.load = func() (config.Config, error) { return r.next, r.bad }
	d.follow()
	r.reloader = &reloader{daemon: d, last: r.next}
	return r
}

// says reloads and fails the test unless the log says this, and nothing where that
// is empty.
func (r *reloading) says(why cause, want string) {
	r.t.Helper()
	r.log.Reset()
	r.reload(r.t.Context(), why)
	if got := r.log.String(); !strings.Contains(got, want) || (got == "") != (want == "") {
		r.t.Errorf("by %s it says %q, want %q", why, got, want)
	}
}

// inForceIs fails the test unless these are in force, in every place.
func (r *reloading) inForceIs(dryRun bool, level slog.Level, committed int) {
	r.t.Helper()
	if got := r.inForce().Config.Relay.DryRun; got != dryRun {
		r.t.Errorf("the configuration has dry_run %v, want %v", got, dryRun)
	}
	if got := r.relay.Settings().DryRun; got != dryRun {
		r.t.Errorf("the relay has dry_run %v, want %v", got, dryRun)
	}
	if got := r.level.Level(); got != level {
		r.t.Errorf("log level %v, want %v", got, level)
	}
	if r.fabric.committed != committed {
		r.t.Errorf("committed %d times, want %d", r.fabric.committed, committed)
	}
}

// succeeded fails the test unless the metric says so.
func (r *reloading) succeeded(want float64) {
	r.t.Helper()
	families, err := r.registry().Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "ptbrelay_config_reload_success" && f.GetMetric()[0].GetGauge().GetValue() == want {
			return
		}
	}
	r.t.Errorf("the metric is not %v", want)
}

// A file that has not changed is passed over in silence; a signal always reads.
func TestReloadOfTheSame(t *testing.T) {
	r := newReloading(t)
	r.says(byFile, "")
	r.says(bySignal, `"configuration read again" cause=signal changed=[]`)
	r.says(byFile, "")
	r.next.Relay.DryRun = true
	r.says(byFile, `"configuration read again" cause=file changed="[relay.dry_run: false -> true]"`)
	r.inForceIs(true, slog.LevelInfo, 2)
	r.says(byFile, "")
	r.next.Capture.Group = 40
	r.says(byFile, "until a restart\" keys=\"[capture.group: 33 -> 40]\"")
	r.says(byFile, "")
	r.inForceIs(true, slog.LevelInfo, 3)
	if waiting := r.waitingKeys(); !slices.Equal(waiting, []string{"capture.group: 33 -> 40"}) {
		t.Errorf("waiting for a restart: %v", waiting)
	}
	r.next.Capture.Group = 33
	r.says(byFile, `"configuration read again" cause=file changed=[]`)
	if waiting := r.waitingKeys(); len(waiting) > 0 {
		t.Errorf("still waiting for a restart: %v", waiting)
	}
}

// Whatever refuses a configuration, nothing of it is in force; a file says so once,
// and what was in force before is good again when it is back.
func TestReloadRefused(t *testing.T) {
	for name, fault := range map[string]struct{ begin, end func(*reloading) }{
		"reading": {
			func(r *reloading) { r.bad = errors.New("broken") },
			func(r *reloading) { r.bad = nil },
		},
		"what it names": {
			func(r *reloading) { r.fabric.bad = errors.New("broken") },
			func(r *reloading) { r.fabric.bad = nil },
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReloading(t)
			before := r.next
			r.next.Relay.DryRun, r.next.Log.Level = true, config.LevelDebug
			changed := r.next
			fault.begin(r)
			const said = `the old one stays in force" cause=file err=broken`
			r.says(byFile, said)
			r.succeeded(0)
			r.says(byFile, "")
			r.says(bySignal, "cause=signal err=broken")
			r.says(byFile, "")
			r.inForceIs(false, slog.LevelInfo, 0)

			r.next = before
			fault.end(r)
			r.says(byFile, "cause=file changed=[]")
			r.succeeded(1)
			r.inForceIs(false, slog.LevelInfo, 1)

			fault.begin(r)
			r.next = changed
			r.says(byFile, said)
			fault.end(r) // and the file is as it was
			r.says(byFile, "relay.dry_run: false -> true")
			r.inForceIs(true, slog.LevelDebug, 2)
		})
	}
}

// What the kernel refuses is tried once, for each try costs the table, until the file
// changes or a signal comes.
func TestReloadRefusedByTheTable(t *testing.T) {
	r := newReloading(t)
	r.table = new(rules.Table) // it is gone
	r.next.Relay.DryRun, r.next.Log.Level = true, config.LevelDebug
	r.says(byFile, "nftables table is gone")
	r.says(byFile, "")
	r.says(bySignal, "nftables table is gone")
	r.inForceIs(false, slog.LevelInfo, 0)
	r.table = nil
	r.says(bySignal, "relay.dry_run: false -> true")
	r.inForceIs(true, slog.LevelDebug, 1)
}

// A reload that the stop outruns is no failure.
func TestReloadWhileStopping(t *testing.T) {
	r := newReloading(t)
	r.table = new(rules.Table)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.reload(ctx, bySignal)
	if r.log.Len() != 0 {
		t.Errorf("it says %s", r.log.String())
	}
	r.succeeded(1)
}

// A pipe is read once, and no file needs no watch.
func TestChangeable(t *testing.T) {
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(folder, "link")
	if err := os.Symlink(write(t, ""), link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"": false, folder: false, pipe: false, os.DevNull: false,
		link: true, write(t, ""): true, filepath.Join(folder, "gone"): true,
	} {
		if got := changeable(path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}
