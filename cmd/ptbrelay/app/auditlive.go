package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"ptbrelay/audit"
	"ptbrelay/audit/check"
	"ptbrelay/audit/host"
	"ptbrelay/config"
	"ptbrelay/relay/capture"
	"ptbrelay/relay/rules"
)

const (
	auditTable = "ptbrelay-audit"
	// auditBuffer is the receive buffer of each group in bytes: that of a burst of
	// 20 000 PTBs.
	auditBuffer = 4 << 20
	// auditGroups is how many pairs of groups are tried: those of the daemon are
	// taken, and other software has some too.
	auditGroups = 16
	// How far the audit is, is told so many times, at most every second and at least
	// every ten.
	progressLines = 6
)

// liveAudit observes what comes in to this host.
type liveAudit struct {
	judge      *judge
	cfg        config.Config
	ptbs, syns *capture.NFLOG
	table      *rules.Table
	progress   io.Writer
}

// auditLive observes for a while, or until the context ends, and reports. What it
// makes in the kernel it removes.
func auditLive(ctx context.Context, d time.Duration, cfg config.Config, progress io.Writer) (*audit.Report, error) {
	state, err := host.Read()
	if err != nil {
		return nil, err
	}
	l := liveAudit{cfg: cfg, progress: progress}
	if l.judge, err = newJudge(situation{cfg: cfg, host: state}); err != nil {
		return nil, err
	}
	begin, _ := host.ReadCounters() // the facts tell an error
	begun := time.Now()
	if err := l.observe(ctx, d); err != nil {
		return nil, err
	}
	r := l.judge.report(audit.Live)
	r.Begun, r.Seconds = begun, time.Since(begun).Seconds()
	r.Messages.Lost = l.lost()
	if ctx.Err() != nil {
		r.Ended = fmt.Sprintf("interrupted after %v of %v", time.Since(begun).Round(time.Second), d)
	}
	facts := check.Read(expectation(cfg))
	r.Host = audit.HostReport(&facts, begin, check.Examine(&facts))
	return r, nil
}

// observe captures for d. It ends like the daemon: the table goes first, then what
// the kernel still holds is read.
func (l *liveAudit) observe(ctx context.Context, d time.Duration) (err error) {
	defer func() { err = errors.Join(err, l.close()) }()
	if err := l.open(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	reading, stop := context.WithCancel(context.Background())
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return l.ptbs.Run(reading, l.judge.handle) })
	g.Go(func() error { return l.syns.Run(reading, l.judge.handle) })
	g.Go(func() error { return l.table.Run(ctx) })
	g.Go(func() error {
		defer stop()
		begun := time.Now()
		_ = every(ctx, min(max(d/progressLines, time.Second), 10*time.Second), func() { l.say("%v of %v: %s", time.Since(begun).Round(time.Second), d, l.soFar()) })
		return l.table.Close()
	})
	return g.Wait()
}

// open binds two groups that nobody has and installs the table that logs to them.
func (l *liveAudit) open() error {
	group, err := l.bind()
	if err != nil {
		return err
	}
	c := rulesConfig(l.cfg)
	c.Table, c.Group, c.MSS = auditTable, group, true
	log := slog.New(slog.DiscardHandler)
	if l.table, err = rules.Install(c, log); err != nil {
		return err
	}
	l.say("observing PTBs and SYNs by nftables table %s and NFLOG groups %d and %d; Ctrl-C ends it with the report so far", auditTable, group, group+1)
	return nil
}

// bind finds two groups, behind those of the daemon.
func (l *liveAudit) bind() (group uint16, err error) {
	first := uint32(l.cfg.Capture.Group) + 2
	for g := first; g < first+2*auditGroups; g += 2 {
		group = uint16(max(g%65534, 1))
		if err = l.bindPair(group); !errors.Is(err, capture.ErrGroupTaken) {
			return group, err
		}
	}
	return 0, err
}

func (l *liveAudit) bindPair(group uint16) (err error) {
	if l.ptbs, err = capture.OpenNFLOG(capture.NFLOGConfig{Group: group, Buffer: auditBuffer}); err != nil {
		return err
	}
	l.syns, err = capture.OpenNFLOG(capture.NFLOGConfig{Group: group + 1, Buffer: auditBuffer})
	if err != nil {
		err = errors.Join(err, l.ptbs.Close())
		l.ptbs = nil
	}
	return err
}

func (l *liveAudit) close() error {
	var errs []error
	if l.table != nil {
		errs = append(errs, l.table.Close())
	}
	for _, source := range []*capture.NFLOG{l.ptbs, l.syns} {
		if source != nil {
			errs = append(errs, source.Close())
		}
	}
	return errors.Join(errs...)
}

// lost is what the kernel did not hand over.
func (l *liveAudit) lost() uint64 {
	ptbs, syns := l.ptbs.Stats(), l.syns.Stats()
	return ptbs.Overrun + ptbs.Gap + syns.Overrun + syns.Gap + l.table.Stats().Guarded
}

func (l *liveAudit) soFar() string {
	ptbs, syns := l.judge.counts()
	return fmt.Sprintf("%d PTBs, %d SYNs", ptbs, syns)
}

func (l *liveAudit) say(format string, args ...any) {
	_, _ = fmt.Fprintf(l.progress, format+"\n", args...)
}
