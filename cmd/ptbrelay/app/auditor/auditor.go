package auditor

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"ptbrelay/audit"
	"ptbrelay/audit/check"
	"ptbrelay/audit/host"
	"ptbrelay/classify"
	"ptbrelay/cmd/ptbrelay/app/logs"
	"ptbrelay/cmd/ptbrelay/app/settings"
	"ptbrelay/config"
	"ptbrelay/relay/capture"
)

const (
	// synBuffer is the receive buffer of the SYNs' group in bytes: 100 a second
	// come.
	synBuffer = 256 << 10
	// readShare bounds what reading the host may cost: at most a hundredth of the
	// time, however large its routing tables.
	readShare = 100
)

// Daemon is what the auditor asks of the daemon that it belongs to, from its own
// goroutines.
type Daemon struct {
	Version  string
	Config   func() config.Config   // in force
	Policy   func() classify.Policy // in force
	Messages func() audit.Messages  // but for the SYNs
	Log      *slog.Logger
}

// Auditor is the audit beside the relay: it observes what the relay sees, and SYNs, and
// checks the host now and then.
type Auditor struct {
	// Observations are to be told what the relay sees.
	Observations *audit.Observations
	// Host has the metrics of what was read of the host.
	Host *audit.HostCollector

	daemon Daemon
	begun  time.Time
	begin  host.Counters
	syns   *capture.NFLOG          // nil where audit.mss is false, or its group is another's
	read   atomic.Pointer[reading] // the last; nil: there is none yet
}

// reading is what stays of a reading of the host: what is told. Rules of the packet filter
// and sockets may be many.
type reading struct {
	facts    check.Facts
	findings []check.Finding
}

// Open makes what the audit needs, before the table logs SYNs. The relay does not depend
// on it: what it cannot have it does without, and says so.
func Open(d Daemon) *Auditor {
	cfg := d.Config()
	systems, err := openSystems(cfg.Audit.ASNDB)
	if err != nil {
		d.Log.Warn("audit.asn_db: networks are told without their AS until a restart", "err", err)
	}
	a := &Auditor{
		Observations: audit.NewQueuedObservations(systems),
		Host:         audit.NewHostCollector(host.ReadCounters),
		daemon:       d,
		begun:        time.Now(),
	}
	a.begin, _ = host.ReadCounters() // where that fails there are no rates
	if cfg.Audit.MSS {
		if a.syns, err = capture.OpenNFLOG(capture.NFLOGConfig{Group: cfg.Capture.Group + 1, Buffer: synBuffer}); err != nil {
			d.Log.Warn("audit.mss: no SYNs are observed until a restart", "err", err)
		}
	}
	return a
}

// TakesSYNs tells whether there is somebody to log SYNs to.
func (a *Auditor) TakesSYNs() bool { return a.syns != nil }

// Close releases what Open made.
func (a *Auditor) Close() error {
	if a.syns == nil {
		return nil
	}
	return a.syns.Close()
}

// Run observes until the context ends.
func (a *Auditor) Run(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { a.Observations.Run(ctx) })
	all.Go(func() { a.readHost(ctx) })
	all.Go(func() { a.readSYNs(ctx) })
	all.Wait()
}

func (a *Auditor) readSYNs(ctx context.Context) {
	if a.syns == nil {
		return
	}
	if err := a.syns.Run(ctx, a.sample); err != nil {
		a.daemon.Log.Warn("audit.mss: no more SYNs are observed until a restart", "err", err)
	}
}

// sample is a [capture.Handler] of SYNs.
func (a *Auditor) sample(_ time.Time, batch []capture.Packet) {
	policy := a.daemon.Policy()
	for i := range batch {
		observeSYN(a.Observations, &policy, &batch[i])
	}
}

// readHost reads and checks the host now and then.
func (a *Auditor) readHost(ctx context.Context) {
	var last []check.Finding
	for {
		begin := time.Now()
		cfg := a.daemon.Config()
		read := make(chan *reading, 1)
		go func() { read <- a.readOnce(cfg) }()
		select {
		case <-ctx.Done():
			// The kernel knows no context, and large tables take long: the daemon
			// does not stay for them.
			return
		case r := <-read:
			a.read.Store(r)
			logs.Findings(a.daemon.Log, last, r.findings)
			last = r.findings
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(cfg.Audit.RoutesEvery, readShare*time.Since(begin))):
		}
	}
}

// readOnce reads and checks the host.
func (a *Auditor) readOnce(cfg config.Config) *reading {
	facts := check.Read(settings.Expectation(cfg))
	findings := check.Examine(&facts)
	a.Host.Set(audit.HostReading{Routes: facts.Routes, Exceptions: facts.Exceptions, Findings: findings})
	told := check.Facts{Links: facts.Links, Routes: facts.Routes, Exceptions: facts.Exceptions}
	return &reading{told, findings}
}

// Report is what `audit --daemon` prints, and the page shows.
func (a *Auditor) Report() *audit.Report {
	r := &audit.Report{Version: a.daemon.Version, Source: audit.Daemon, Begun: a.begun, Seconds: time.Since(a.begun).Seconds()}
	r.Messages = a.daemon.Messages()
	a.Observations.Fill(r)
	if !a.TakesSYNs() {
		clear(r.Messages.SYNs)
	}
	if read := a.read.Load(); read != nil {
		facts := read.facts
		facts.Counters.Value, facts.Counters.Err = host.ReadCounters() // of this moment, as the messages
		r.Host = audit.HostReport(&facts, a.begin, read.findings)
	}
	return r
}
