package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"ptbrelay/audit/host"
	"ptbrelay/cmd/ptbrelay/app/auditor"
	"ptbrelay/cmd/ptbrelay/app/budget"
	"ptbrelay/cmd/ptbrelay/app/fabric"
	"ptbrelay/cmd/ptbrelay/app/httpd"
	"ptbrelay/cmd/ptbrelay/app/logs"
	"ptbrelay/cmd/ptbrelay/app/periodic"
	"ptbrelay/cmd/ptbrelay/app/settings"
	"ptbrelay/config"
	"ptbrelay/relay"
	"ptbrelay/relay/capture"
	"ptbrelay/relay/control"
	"ptbrelay/relay/rules"
)

// daemon is what `ptbrelay run` wires together.
//
// It starts from the inside out: the fabric, capture, and the table last, so
// that nothing is logged that nobody reads. It stops in the same order from the
// outside in: the table goes first, then what the kernel still holds is read,
// then what is queued for the peers is sent.
type daemon struct {
	load    func() (config.Config, error) // reads the configuration again
	file    string                        // where that was; empty: there is none
	log     *slog.Logger
	level   *logs.Level
	started time.Time

	watcher   *host.Watcher
	server    httpd.Server
	control   *control.Server // nil where there is none
	hub       control.Hub
	fabric    fabric.Fabric
	source    source
	relay     *relay.Relay
	table     *rules.Table // nil where rules.manage is false
	auditor   *auditor.Auditor
	reloads   relay.Reload
	capturing atomic.Bool

	mu  sync.Mutex // guards what follows: a reload, a change of the host and a pause may meet
	now settings.Situation
	// waiting are the keys of the file that wait for a restart, with the value in force
	// and theirs.
	waiting []string
}

// run runs until the context ends or something fails.
func (d *daemon) run(ctx context.Context) (err error) {
	// From the first moment on, for an unexpected SIGHUP ends a process.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, unix.SIGHUP)
	defer signal.Stop(hangup)
	collectEarly()
	d.started = time.Now()
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.open(); err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	defer context.AfterFunc(ctx, d.tellStopping)() // nothing waits for it
	d.relaying(ctx, g)
	d.fabric.Ready(ctx)
	if err := d.installTable(); err != nil {
		cancel()
		return errors.Join(err, g.Wait())
	}
	dryRun := summary{daemon: d}
	d.attending(ctx, g, hangup, &dryRun)
	d.capturing.Store(true)
	d.tellReady()
	g.Go(func() error {
		(&pulse{daemon: d}).run(ctx)
		return nil
	})
	cfg := d.inForce().Config
	d.log.Info("capturing", "version", buildVersion(), "transport", cfg.Relay.Transport, "interfaces", append([]string{}, cfg.Interfaces...),
		"group", cfg.Capture.Group, "dry_run", cfg.Relay.DryRun, "http", d.server.Address())
	d.logBudget()
	err = g.Wait()
	dryRun.say()
	d.log.Info("stopped")
	return err
}

// relaying starts what carries messages. When the context ends, each part stops
// after the one that feeds it.
func (d *daemon) relaying(ctx context.Context, g *errgroup.Group) {
	reading, stopReading := context.WithCancel(context.Background())
	sending, stopSending := context.WithCancel(context.Background())
	g.Go(func() error {
		<-ctx.Done()
		d.capturing.Store(false)
		defer stopReading()
		return d.removeTable()
	})
	g.Go(func() error {
		defer stopSending()
		return d.source.Run(reading, d.relay.Handle)
	})
	g.Go(func() error { return d.fabric.Run(sending, d.relay.Done) })
}

// attending starts what follows the table, the host and the configuration, and answers
// those who ask, until the context ends.
func (d *daemon) attending(ctx context.Context, g *errgroup.Group, hangup <-chan os.Signal, dryRun *summary) {
	if d.table != nil {
		g.Go(func() error { return d.table.Run(ctx) })
	}
	g.Go(func() error { return d.watcher.Run(ctx, d.hostChanged, d.hostUnread) })
	g.Go(func() error { return d.server.Serve(ctx, d.handler(), d.log) })
	again := &reloader{daemon: d, last: d.inForce().Config}
	for _, attend := range []func(){
		func() { again.run(ctx, hangup) },
		func() { d.auditor.Run(ctx) },
		func() { d.takeCommands(ctx) },
		func() { d.server.Watch(ctx, d.log) },
		func() { logs.Refused(ctx, &d.hub, d.log, d.level) },
		func() { periodic.Run(ctx, summaryEvery, dryRun.say) },
	} {
		g.Go(func() error {
			attend()
			return nil
		})
	}
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
	cfg := d.now.Config
	if d.watcher, d.now.Host, err = host.Watch(); err != nil {
		return err
	}
	if cfg.Relay.Transport == config.TransportBroadcast {
		if err := checkInterfaces(cfg.Interfaces, d.now.Host); err != nil {
			return err
		}
	}
	if d.fabric, err = fabric.Open(d.now, &d.hub, d.log); err != nil {
		return err
	}
	d.watcher.Notify(d.fabric.Touched)
	if d.server, err = httpd.Listen(cfg.HTTP); err != nil {
		return err
	}
	source, err := capture.OpenNFLOG(capture.NFLOGConfig{Group: cfg.Capture.Group, Buffer: int(cfg.Capture.Buffer)})
	if err != nil {
		return err
	}
	d.source = source
	if granted, err := source.Buffer(); err == nil && granted < int(cfg.Capture.Buffer) {
		d.log.Warn("the kernel grants a smaller receive buffer than capture.buffer; raise net.core.rmem_max or run in the initial user namespace",
			"bytes", granted, "wanted", int(cfg.Capture.Buffer))
	}
	d.auditor = d.openAuditor()
	d.relay = relay.New(d.fabric, d.auditor.Observations, &d.hub, d.now.Relay())
	d.reloads.Succeeded(time.Now())
	d.openControl()
	return nil
}

// close releases what open and installTable made.
func (d *daemon) close() error {
	errs := []error{d.removeTable()}
	if d.control != nil {
		errs = append(errs, d.control.Close())
	}
	if d.source != nil {
		errs = append(errs, d.source.Close())
	}
	if d.auditor != nil {
		errs = append(errs, d.auditor.Close())
	}
	if d.fabric != nil {
		errs = append(errs, d.fabric.Close())
	}
	if d.watcher != nil {
		errs = append(errs, d.watcher.Close())
	}
	errs = append(errs, d.server.Close())
	return errors.Join(errs...)
}

func (d *daemon) installTable() (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.now.Config.Rules.Manage {
		if _, ok := rules.LoadedStats(); !ok {
			d.log.Warn("rules.manage is false and no nftables table ptbrelay is loaded: nothing is captured unless rules of your own log PTBs to the group (ptbrelay rules nft, ptbrelay rules iptables)", "group", d.now.Config.Capture.Group)
		}
		return nil
	}
	d.table, err = rules.Install(d.rulesConfig(d.now.Config), d.log)
	return err
}

// rulesConfig is what the table is made of. It logs SYNs only to a group of ours.
func (d *daemon) rulesConfig(c config.Config) rules.Config {
	r := rulesConfig(c)
	r.MSS = d.auditor.TakesSYNs()
	return r
}

func (d *daemon) removeTable() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.table == nil {
		return nil
	}
	return d.table.Close()
}

// inForce is the situation of this moment.
func (d *daemon) inForce() settings.Situation {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

// follow puts the situation in force, after a change of it and under its lock.
func (d *daemon) follow() {
	d.fabric.Follow(d.now)
	d.relay.Apply(d.now.Relay())
}

// hostChanged follows links that come, go or change their MAC or MTU, and
// addresses that become local or cease to be.
func (d *daemon) hostChanged(s host.State) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now.Host = s
	d.follow()
}

// hostUnread says that what was known of the host stays in force.
func (d *daemon) hostUnread(err error) {
	d.log.Warn("cannot read links and local routes, trying again; what was known of them stays in force until then", "err", err)
}

func (d *daemon) logBudget() {
	budget.Of(d.inForce().Config, d.fabric.FanOut()).Log(d.log)
}
