package peers

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"
)

// WatchFile calls look at once, whenever something has happened in the file's
// folder and that is over, and every 30 s in any case, until ctx ends: always from
// the calling goroutine, at most ten times a second. It finds a file that is
// written, renamed or linked into its place, and one whose folder is replaced.
// What happens only where a link leads to is found by the clock. A folder that
// cannot be watched is a warning, and the clock goes on.
func WatchFile(ctx context.Context, path string, log *slog.Logger, look func()) {
	newWatch(path, usual, log.With("file", path)).run(ctx, look)
}

// watch looks at a file again and again.
type watch struct {
	path  string
	pace  pace
	log   *slog.Logger
	blind trouble // only the clock tells
}

func newWatch(path string, p pace, log *slog.Logger) *watch {
	return &watch{path: path, pace: p, log: log, blind: trouble{log: log, level: slog.LevelWarn}}
}

func (w *watch) run(ctx context.Context, look func()) {
	var watched folder
	defer func() { watched.close() }()
	again := time.NewTimer(0)
	defer again.Stop()
	var calm settle
	defer calm.stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-watched.stirred():
			calm.disturbed(w.pace)
			continue
		case err := <-watched.lost():
			w.log.Debug("events about the file lost", "err", err)
			calm.disturbed(w.pace)
			continue
		case <-calm.over():
		case <-again.C:
			if calm.awaited() {
				continue
			}
		}
		calm.stop()
		again.Reset(w.pace.reread)
		watched.close()
		watched = w.folder() // before the look: what happens between is seen
		look()
	}
}

// folder is watched anew each time: the one of that name may be another by now.
func (w *watch) folder() folder {
	f, err := watchFolder(filepath.Dir(w.path))
	if err != nil {
		w.blind.begin("blind", "file not watched, only read now and then", "every", w.pace.reread, "err", err)
		return f
	}
	w.blind.end("file watched again")
	return f
}
