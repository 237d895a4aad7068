package app

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"ptbrelay/audit"
	"ptbrelay/audit/host"
	"ptbrelay/classify"
	"ptbrelay/config"
	"ptbrelay/relay"
	"ptbrelay/relay/admit"
	"ptbrelay/relay/capture"
	"ptbrelay/relay/rules"
	"ptbrelay/relay/transport"
)

// daemon is what `ptbrelay run` wires together.
//
// It starts from the inside out: transport, capture, and the table last, so
// that nothing is logged that nobody reads. It stops in the same order from the
// outside in: the table goes first, then what the kernel still holds is read.
type daemon struct {
	cfg   config.Config
	load  func() (config.Config, error) // reads the configuration again
	log   *slog.Logger
	level *slog.LevelVar

	watcher      *host.Watcher
	server       httpServer
	broadcast    *transport.Broadcast
	source       capture.Source
	relay        *relay.Relay
	table        *rules.Table // nil where rules.manage is false
	distribution *audit.Distribution
	reloads      relay.Reload
	capturing    atomic.Bool

	mu    sync.Mutex // guards cfg and state: a reload and a change of the host may meet
	state host.State
}

// run runs until the context ends or something fails.
func (d *daemon) run(ctx context.Context) (err error) {
	// From the first moment on, for an unexpected SIGHUP ends a process.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, unix.SIGHUP)
	defer signal.Stop(hangup)
	collectEarly()
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.open(); err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	reading, stopReading := context.WithCancel(context.Background())
	defer stopReading()
	g.Go(func() error { return d.source.Run(reading, d.relay.Handle) })
	g.Go(func() error {
		<-ctx.Done()
		d.capturing.Store(false)
		defer stopReading()
		return d.removeTable()
	})
	if err := d.installTable(); err != nil {
		cancel()
		return errors.Join(err, g.Wait())
	}
	if d.table != nil {
		g.Go(func() error { return d.table.Run(ctx) })
	}
	g.Go(func() error { return d.watcher.Run(ctx, d.hostChanged, d.hostUnread) })
	g.Go(func() error { return d.reloadOn(ctx, hangup) })
	dryRun := summary{daemon: d}
	g.Go(func() error { return dryRun.everyMinute(ctx) })
	g.Go(func() error { return d.server.serve(ctx, d.handler(), d.log) })
	d.capturing.Store(true)
	d.log.Info("capturing", "version", buildVersion(), "transport", d.cfg.Relay.Transport, "interfaces", d.cfg.Interfaces,
		"group", d.cfg.Capture.Group, "dry_run", d.cfg.Relay.DryRun, "http", d.server.address())
	budgetOf(d.cfg).log(d.log)
	err = g.Wait()
	dryRun.say()
	d.log.Info("stopped")
	return err
}

// collectEarly keeps what scrapes leave behind from doubling the resident
// memory. The tables hold no pointers, so a collection costs little.
func collectEarly() {
	const percent = 25 // of what is in use
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// open makes everything but the table.
func (d *daemon) open() (err error) {
	if d.watcher, d.state, err = host.Watch(); err != nil {
		return err
	}
	if err := checkInterfaces(d.cfg.Interfaces, d.state); err != nil {
		return err
	}
	if d.server, err = listen(d.cfg.HTTP.Listen); err != nil {
		return err
	}
	if d.broadcast, err = transport.NewBroadcast(capture.MaxBatch, d.interfaces(), d.log); err != nil {
		return err
	}
	source, err := capture.OpenNFLOG(capture.NFLOGConfig{Group: d.cfg.Capture.Group, Buffer: int(d.cfg.Capture.Buffer)})
	if err != nil {
		return err
	}
	d.source = source
	if granted, err := source.Buffer(); err == nil && granted < int(d.cfg.Capture.Buffer) {
		d.log.Warn("the kernel grants a smaller receive buffer than capture.buffer; raise net.core.rmem_max or run in the initial user namespace",
			"bytes", granted, "wanted", int(d.cfg.Capture.Buffer))
	}
	d.distribution = audit.NewDistribution()
	d.relay = relay.New(d.broadcast, d.distribution, d.settings())
	d.reloads.Succeeded(time.Now())
	return nil
}

// close releases what open and installTable made.
func (d *daemon) close() error {
	errs := []error{d.removeTable()}
	if d.source != nil {
		errs = append(errs, d.source.Close())
	}
	if d.broadcast != nil {
		errs = append(errs, d.broadcast.Close())
	}
	if d.watcher != nil {
		errs = append(errs, d.watcher.Close())
	}
	errs = append(errs, d.server.close())
	return errors.Join(errs...)
}

func (d *daemon) installTable() (err error) {
	if !d.cfg.Rules.Manage {
		if _, ok := rules.LoadedStats(); !ok {
			d.log.Warn("rules.manage is false and no nftables table ptbrelay is loaded: without rules of your own nothing is captured (ptbrelay rules nft)")
		}
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.table, err = rules.Install(rulesConfig(d.cfg), d.log)
	return err
}

func (d *daemon) removeTable() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.table == nil {
		return nil
	}
	return d.table.Close()
}

// settings derives what the relay needs from the configuration and the host.
func (d *daemon) settings() relay.Settings {
	largest, ok := d.state.LargestMTU()
	if !ok {
		largest = math.MaxUint32 // no link is up, so nothing can be said
	}
	return relay.Settings{
		Policy: d.cfg.ClassifyPolicy(d.state.Local, classify.MTU(largest)),
		Limits: admitLimits(d.cfg.Relay.Limits),
		DryRun: d.cfg.Relay.DryRun,
	}
}

// admitLimits are the limits for what comes from the wire.
func admitLimits(l config.Limits) admit.Limits {
	return admit.Limits{
		Node:   admit.PerSecond(uint32(l.Node), uint32(l.NodeBurst)),
		Router: admit.PerSecond(uint32(l.Router), uint32(l.RouterBurst)),
		Client: admit.PerSecond(uint32(l.Client), uint32(l.ClientBurst)),
	}
}

// interfaces finds the configured interfaces among the links of this moment.
func (d *daemon) interfaces() []transport.Interface {
	ports := make([]transport.Interface, len(d.cfg.Interfaces))
	for i, name := range d.cfg.Interfaces {
		ports[i].Name = name
		// Without carrier the kernel would take the frames and lose them.
		if link, ok := d.state.Link(name); ok && link.Ethernet && link.Running {
			ports[i].Index, ports[i].MAC = link.Index, link.MAC
		}
	}
	return ports
}

// hostChanged follows links that come, go or change their MAC or MTU, and
// addresses that become local or cease to be.
func (d *daemon) hostChanged(s host.State) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state = s
	d.broadcast.SetInterfaces(d.interfaces())
	d.relay.Apply(d.settings())
}

// hostUnread says that what was known of the host stays in force.
func (d *daemon) hostUnread(err error) {
	d.log.Warn("cannot read links and local routes, what was known of them stays in force", "err", err)
}

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
	if keys := config.RestartKeys(d.cfg, next); len(keys) > 0 {
		d.log.Warn("these keys keep their value until a restart", "keys", keys)
	}
	next = config.KeepRestartKeys(d.cfg, next)
	if d.table != nil {
		if err := d.table.Update(rulesConfig(next)); err != nil {
			return err
		}
	}
	changed := config.Changed(d.cfg, next)
	d.cfg = next
	d.level.Set(next.Log.Level.Slog())
	d.relay.Apply(d.settings())
	d.log.Info("configuration read again", "changed", changed)
	if len(changed) > 0 {
		budgetOf(d.cfg).log(d.log)
	}
	return nil
}
