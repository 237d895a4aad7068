package app

import (
	"context"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"ptbrelay/cmd/ptbrelay/app/periodic"
	"ptbrelay/relay/capture"
)

// source is a [capture.Source] that tells whether messages wait for its goroutine.
type source interface {
	capture.Source
	Waiting() bool
}

// pulse keeps the service manager's watchdog quiet for as long as the daemon lives.
type pulse struct {
	*daemon
	taken   uint64 // messages until the last beat
	waiting bool   // others waited then
}

// run ends with the context. Where the unit has no WatchdogSec it does nothing.
func (p *pulse) run(ctx context.Context) {
	patience, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		p.log.Warn("the service manager's watchdog does not say how often it wants to hear of ptbrelay", "err", err)
	}
	if patience > 0 {
		periodic.Run(ctx, patience/2, p.beat) // sd_watchdog_enabled(3)
	}
}

// beat says that the daemon lives, by saying how it is: that asks every part that knows,
// and takes the locks under which settings change. Where one hangs so does this, and
// the service manager ends the process by SIGABRT, at which Go prints where all hang.
func (p *pulse) beat() {
	if p.captureHangs() {
		p.log.Error("messages wait, and none was taken since the watchdog was last told that ptbrelay lives: it is not told again until one is")
		return
	}
	p.tell(p.standing(), sd.SdNotifyWatchdog)
}

// captureHangs tells whether messages wait as at the last beat, and none was taken since.
func (p *pulse) captureHangs() bool {
	before := *p
	p.taken, p.waiting = 0, p.source.Waiting()
	for _, n := range p.relay.Stats().Received {
		p.taken += n
	}
	return p.waiting && before.waiting && p.taken == before.taken
}
