package peers

import (
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"
	"time"
)

// file is a watched list of peers.
type file struct {
	path string
	port uint16
	pace pace
	log  *slog.Logger

	last  []netip.AddrPort
	fault trouble
	blind trouble // no watch
}

func newFile(path string, port uint16, p pace, log *slog.Logger) *file {
	log = log.With("source", File, "file", path)
	return &file{
		path: path, port: port, pace: p, log: log,
		fault: trouble{log: log, level: slog.LevelWarn},
		blind: trouble{log: log, level: slog.LevelWarn},
	}
}

func (f *file) same(other source) bool {
	o, ok := other.(*file)
	return ok && f.path == o.path && f.port == o.port
}

func (f *file) first() ([]netip.AddrPort, bool) { return f.read(), true }

// read returns the last good list, which is the file's if that is good.
func (f *file) read() []netip.AddrPort {
	found, err := readList(f.path, f.port)
	if err != nil {
		f.fault.begin(err.Error(), "peers file refused", "error", err, "peers_kept", len(f.last))
		return f.last
	}
	f.fault.end("peers file good again", "peers", len(found))
	f.last = found
	return found
}

// run reads the file again whenever something happens in its folder, and now and
// then in any case.
func (f *file) run(ctx context.Context, report func([]netip.AddrPort)) {
	var watched folder
	defer func() { watched.close() }()
	reread := time.NewTimer(0)
	defer reread.Stop()
	var calm settle
	defer calm.stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-watched.stirred():
			calm.disturbed(f.pace)
			continue
		case err := <-watched.lost():
			f.log.Debug("events about the peers file lost", "error", err)
			calm.disturbed(f.pace)
			continue
		case <-calm.over():
			calm.stop()
		case <-reread.C:
			reread.Reset(f.pace.reread)
			watched.close()
			watched = f.watch() // before the read: what happens between is seen
		}
		report(f.read())
	}
}

// watch is made anew each time: the folder of that name may be another one by
// now.
func (f *file) watch() folder {
	w, err := watchFolder(filepath.Dir(f.path))
	if err != nil {
		f.blind.begin("blind", "peers file not watched, only read now and then", "every", f.pace.reread, "error", err)
		return w
	}
	f.blind.end("peers file watched again")
	return w
}
