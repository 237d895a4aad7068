package control

import (
	"context"
	"sync/atomic"
)

// fakeDaemon only remembers whether it is paused.
type fakeDaemon struct {
	paused   atomic.Bool
	snapshot Snapshot
	selftest func(context.Context) Selftest
}

func (d *fakeDaemon) Pause() bool                           { return !d.paused.Swap(true) }
func (d *fakeDaemon) Resume() bool                          { return d.paused.Swap(false) }
func (d *fakeDaemon) Snapshot() Snapshot                    { return d.snapshot }
func (d *fakeDaemon) Selftest(ctx context.Context) Selftest { return d.selftest(ctx) }
