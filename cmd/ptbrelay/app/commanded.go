package app

import (
	"context"

	"golang.org/x/sync/errgroup"

	"ptbrelay/relay/control"
	"ptbrelay/relay/deliver"
)

// openControl makes the control socket. The daemon's work does not depend on it.
func (d *daemon) openControl() {
	path := d.now.Config.Control
	if path == "" {
		return
	}
	var err error
	if d.control, err = control.Listen(path, &d.hub); err != nil {
		d.log.Warn("no control socket: pause, resume, watch and selftest will not reach this daemon until a restart", "err", err)
	}
}

// takeCommands serves the control socket until the context ends.
func (d *daemon) takeCommands(ctx context.Context) {
	if d.control == nil {
		return
	}
	if err := d.control.Run(ctx, commanded{d}); err != nil {
		d.log.Warn("the control socket failed: pause, resume, watch and selftest do not reach this daemon until a restart", "err", err)
	}
}

// commanded does what commands ask of the daemon.
type commanded struct{ *daemon }

// Pause implements control.Daemon.
func (d commanded) Pause() bool { return d.setPaused(true) }

// Resume implements control.Daemon.
func (d commanded) Resume() bool { return d.setPaused(false) }

func (d commanded) setPaused(paused bool) (changed bool) {
	defer d.tellStanding() // without the lock, which it takes
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.now.Paused == paused {
		return false
	}
	d.now.Paused = paused
	d.follow()
	if paused {
		d.log.Info("paused: nothing is sent or injected until `ptbrelay resume`")
	} else {
		d.log.Info("resumed")
	}
	return true
}

// Selftest implements control.Daemon.
func (d commanded) Selftest(ctx context.Context) control.Selftest {
	now := d.inForce()
	cfg := now.Config
	t := control.Selftest{Transport: string(cfg.Relay.Transport), Paused: now.Paused, DryRun: cfg.Relay.DryRun}
	var g errgroup.Group
	g.Go(func() (err error) {
		t.Peers, err = d.fabric.Selftest(ctx, cfg)
		return err
	})
	g.Go(func() error {
		for _, p := range deliver.Prove(ctx) {
			t.Local = append(t.Local, localTest(p))
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		t.Peers = append(t.Peers, control.PeerTest{Peer: "all", Error: err.Error()})
	}
	return t
}

func localTest(p deliver.Proof) control.LocalTest {
	t := control.LocalTest{
		Family: p.Family.String(), OK: p.OK, Skipped: p.Skipped, Earlier: p.Earlier,
		Before: p.Before, After: p.After, Error: p.Error,
	}
	if p.Destination.IsValid() {
		t.Source, t.Destination = p.Source.String(), p.Destination.String()
	}
	return t
}
