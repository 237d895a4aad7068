package app

import (
	"context"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"ptbrelay/cmd/ptbrelay/app/periodic"
)

// pulse keeps the service manager's watchdog quiet for as long as the daemon lives,
// until the context ends. Where the unit has no WatchdogSec it does nothing.
func (d *daemon) pulse(ctx context.Context) {
	patience, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		d.log.Warn("the service manager's watchdog does not say how often it wants to hear of ptbrelay", "err", err)
	}
	if patience > 0 {
		periodic.Run(ctx, patience/2, d.beat) // sd_watchdog_enabled(3)
	}
}

// beat says that the daemon lives, by saying how it is: that asks every part that knows,
// and takes the locks under which settings change. Where one hangs so does this, and
// the service manager ends the process by SIGABRT, at which Go prints where all hang.
func (d *daemon) beat() { d.tell(d.standing(), sd.SdNotifyWatchdog) }
