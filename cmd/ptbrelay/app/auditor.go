package app

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"ptbrelay/audit"
	"ptbrelay/audit/check"
	"ptbrelay/audit/host"
	"ptbrelay/config"
	"ptbrelay/relay/capture"
)

const (
	// synBuffer is the receive buffer of the SYNs' group in bytes: 100 a second
	// come.
	synBuffer = 256 << 10
	// auditShare bounds what reading the host may cost: at most a hundredth of the
	// time, however large its routing tables.
	auditShare = 100
)

// auditor is the audit beside the relay: it observes what the relay sees, and SYNs,
// and checks the host now and then.
type auditor struct {
	daemon       *daemon
	begun        time.Time
	begin        host.Counters
	observations *audit.Observations
	host         *audit.HostCollector
	syns         *capture.NFLOG              // nil where audit.mss is false, or its group is another's
	read         atomic.Pointer[hostReading] // the last; nil: there is none yet
}

// hostReading is what stays of a reading of the host: what is told. Rules of the packet
// filter and sockets may be many.
type hostReading struct {
	facts    check.Facts
	findings []check.Finding
}

// openAuditor makes what the audit needs, before the table logs SYNs. The relay does
// not depend on it: what it cannot have it does without, and says so.
func openAuditor(d *daemon) *auditor {
	cfg := d.now.cfg
	systems, err := openSystems(cfg)
	if err != nil {
		d.log.Warn("audit.asn_db: networks are told without their AS until a restart", "err", err)
	}
	a := &auditor{
		daemon:       d,
		begun:        time.Now(),
		observations: audit.NewQueuedObservations(systems),
		host:         audit.NewHostCollector(host.ReadCounters),
	}
	a.begin, _ = host.ReadCounters() // where that fails there are no rates
	if cfg.Audit.MSS {
		if a.syns, err = capture.OpenNFLOG(capture.NFLOGConfig{Group: cfg.Capture.Group + 1, Buffer: synBuffer}); err != nil {
			d.log.Warn("audit.mss: no SYNs are observed until a restart", "err", err)
		}
	}
	return a
}

func (a *auditor) close() error {
	if a.syns == nil {
		return nil
	}
	return a.syns.Close()
}

// run observes until the context ends.
func (a *auditor) run(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { a.observations.Run(ctx) })
	all.Go(func() { a.readHost(ctx) })
	all.Go(func() { a.readSYNs(ctx) })
	all.Wait()
}

func (a *auditor) readSYNs(ctx context.Context) {
	if a.syns == nil {
		return
	}
	if err := a.syns.Run(ctx, a.sample); err != nil {
		a.daemon.log.Warn("audit.mss: no more SYNs are observed until a restart", "err", err)
	}
}

// sample is a [capture.Handler] of SYNs.
func (a *auditor) sample(_ time.Time, batch []capture.Packet) {
	policy := a.daemon.relay.Settings().Policy
	for i := range batch {
		observeSYN(a.observations, &policy, &batch[i])
	}
}

// readHost reads and checks the host now and then.
func (a *auditor) readHost(ctx context.Context) {
	var last []check.Finding
	for {
		begin := time.Now()
		cfg := a.daemon.inForce().cfg
		read := make(chan *hostReading, 1)
		go func() { read <- a.readOnce(cfg) }()
		select {
		case <-ctx.Done():
			// The kernel knows no context, and large tables take long: the daemon
			// does not stay for them.
			return
		case r := <-read:
			a.read.Store(r)
			logFindings(a.daemon.log, last, r.findings)
			last = r.findings
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(cfg.Audit.RoutesEvery, auditShare*time.Since(begin))):
		}
	}
}

// readOnce reads and checks the host.
func (a *auditor) readOnce(cfg config.Config) *hostReading {
	facts := check.Read(expectation(cfg))
	findings := check.Examine(&facts)
	a.host.Set(audit.HostReading{Routes: facts.Routes, Exceptions: facts.Exceptions, Findings: findings})
	told := check.Facts{Links: facts.Links, Routes: facts.Routes, Exceptions: facts.Exceptions}
	return &hostReading{told, findings}
}

// report is what `audit --daemon` prints.
func (a *auditor) report() *audit.Report {
	r := &audit.Report{Version: buildVersion(), Source: audit.Daemon, Begun: a.begun, Seconds: time.Since(a.begun).Seconds()}
	wire, lost := a.daemon.relay.Stats(), a.daemon.source.Stats()
	for _, n := range wire.Received {
		r.Messages.Packets += n
	}
	r.Messages.Verdicts = verdicts(wire.Verdicts[:])
	r.Messages.Lost = lost.Overrun + lost.Gap
	if s, ok := a.daemon.rulesStats(); ok {
		r.Messages.Lost += s.Guarded
	}
	a.observations.Fill(r)
	if a.syns == nil {
		clear(r.Messages.SYNs)
	}
	if read := a.read.Load(); read != nil {
		facts := read.facts
		facts.Counters.Value, facts.Counters.Err = host.ReadCounters() // of this moment, as the messages
		r.Host = audit.HostReport(&facts, a.begin, read.findings)
	}
	return r
}
