package app

import (
	"context"
	"os"
	"sync"
	"time"

	"ptbrelay/cmd/ptbrelay/app/budget"
	"ptbrelay/config"
	"ptbrelay/relay/peers"
)

// cause is why the configuration is read again.
type cause string

const (
	bySignal cause = "signal"
	byFile   cause = "file" // it may have changed
)

// reloader reads the configuration again and again.
type reloader struct {
	*daemon
	last    config.Config // what could be read last
	refused string        // why the last reading failed; empty: it did not
}

// run reads at each signal, and where the file of the configuration has changed.
func (r *reloader) run(ctx context.Context, hangup <-chan os.Signal) {
	changed := make(chan struct{})
	var watching sync.WaitGroup
	defer watching.Wait()
	if changeable(r.file) {
		watching.Go(func() {
			peers.WatchFile(ctx, r.file, r.log, func() {
				select {
				case changed <- struct{}{}:
				case <-ctx.Done():
				}
			})
		})
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			r.reload(ctx, bySignal)
		case <-changed:
			r.reload(ctx, byFile)
		}
	}
}

// changeable tells whether there is a file that can become another: a pipe is read
// once.
func changeable(path string) bool {
	info, err := os.Stat(path)
	return path != "" && (err != nil || info.Mode().IsRegular())
}

// reload puts the new configuration in force as far as a running daemon can; on any
// error the old one stays. A file that says what it said before is no news, and what
// is wrong with it is said once.
func (r *reloader) reload(ctx context.Context, why cause) {
	next, err := r.load()
	if err == nil && why == byFile && r.refused == "" && len(config.Changed(r.last, next)) == 0 {
		return
	}
	var commit func()
	if err == nil {
		commit, err = r.fabric.Prepare(config.KeepRestartKeys(r.inForce().Config, next))
	}
	if err == nil {
		err = r.apply(next, commit, why)
	}
	said := r.refused
	if r.refused = ""; err != nil {
		r.refused = err.Error() // so the next look tries again
	} else {
		r.last = next
	}
	defer r.tellStanding()
	switch {
	case err == nil:
		r.reloads.Succeeded(time.Now())
		if said != "" {
			r.log.Info("configuration is good again")
		}
	case ctx.Err() != nil: // the table is gone already
	case why == bySignal || err.Error() != said:
		r.reloads.Failed()
		r.log.Error("configuration refused, the old one stays in force", "cause", why, "err", err)
	}
}

// apply is all or nothing: only the table can refuse, and it comes first.
func (d *daemon) apply(next config.Config, commit func(), why cause) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.now.Config
	wanted := next
	next = config.KeepRestartKeys(old, next)
	if d.table != nil {
		if err := d.table.Update(d.rulesConfig(next)); err != nil {
			return err
		}
	}
	commit()
	d.now.Config = next
	d.level.Set(next.Log.Level.Slog())
	d.follow()
	changed := config.Changed(old, next)
	d.log.Info("configuration read again", "cause", why, "changed", changed)
	if d.waiting = config.Changed(next, wanted); len(d.waiting) > 0 {
		d.log.Warn("these keys keep their value until a restart", "keys", d.waiting)
	}
	fanOut := d.fabric.FanOut()
	if b := budget.Of(next, fanOut); b != budget.Of(old, fanOut) { // of other peers it is said when they are known
		b.Log(d.log)
	}
	return nil
}
