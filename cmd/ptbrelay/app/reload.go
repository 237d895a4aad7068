package app

import (
	"context"
	"os"
	"time"

	"ptbrelay/config"
)

// reloadOn reads the configuration again at each signal.
func (d *daemon) reloadOn(ctx context.Context, hangup <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangup:
			d.reload()
		}
	}
}

// reload puts the new configuration in force as far as a running daemon can;
// on any error the old one stays.
func (d *daemon) reload() {
	next, err := d.load()
	if err == nil {
		err = d.apply(next)
	}
	if err != nil {
		d.reloads.Failed()
		d.log.Error("configuration refused, the old one stays in force", "err", err)
		return
	}
	d.reloads.Succeeded(time.Now())
}

func (d *daemon) apply(next config.Config) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.now.cfg
	if keys := config.RestartKeys(old, next); len(keys) > 0 {
		d.log.Warn("these keys keep their value until a restart", "keys", keys)
	}
	next = config.KeepRestartKeys(old, next)
	commit, err := d.fabric.prepare(next)
	if err != nil {
		return err
	}
	if d.table != nil {
		if err := d.table.Update(rulesConfig(next)); err != nil {
			return err
		}
	}
	commit()
	d.now.cfg = next
	d.level.Set(next.Log.Level.Slog())
	d.follow()
	changed := config.Changed(old, next)
	d.log.Info("configuration read again", "changed", changed)
	if len(changed) > 0 {
		budgetOf(next, d.fabric.fanOut()).log(d.log)
	}
	return nil
}
