package auditor

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
	"ptbrelay/cmd/ptbrelay/app/periodic"
	"ptbrelay/relay/capture"
	"ptbrelay/relay/rules"
)

const (
	tableName = "ptbrelay-audit"
	// buffer is the receive buffer of each group in bytes: that of a burst of
	// 20 000 PTBs.
	buffer = 4 << 20
	// pairs is how many pairs of groups are tried: those of the daemon are
	// taken, and other software has some too.
	pairs = 16
	// How far the audit is, is told so many times, at most every second and at least
	// every ten.
	progressLines = 6
)

// live observes what comes in to this host.
type live struct {
	judge      *judge
	rules      rules.Config
	ptbs, syns *capture.NFLOG
	table      *rules.Table
	progress   io.Writer
}

// Live observes this host for a while, or until the context ends, and reports; what goes on
// is said on progress. The table is like that of the daemon with these rules, and logs to
// groups behind its own. What is made in the kernel is removed.
func Live(ctx context.Context, d time.Duration, s Setup, r rules.Config, progress io.Writer) (*audit.Report, error) {
	j, err := newJudge(&s)
	if err != nil {
		return nil, err
	}
	l := live{judge: j, rules: r, progress: progress}
	begin, _ := host.ReadCounters() // the facts tell an error
	begun := time.Now()
	if err := l.observe(ctx, d); err != nil {
		return nil, err
	}
	report := j.report(audit.Live)
	report.Begun, report.Seconds = begun, time.Since(begun).Seconds()
	report.Messages.Lost = l.lost()
	if ctx.Err() != nil {
		report.Ended = fmt.Sprintf("interrupted after %v of %v", time.Since(begun).Round(time.Second), d)
	}
	facts := check.Read(s.Expect)
	report.Host = audit.HostReport(&facts, begin, check.Examine(&facts))
	return report, nil
}

// observe captures for d. It ends like the daemon: the table goes first, then what
// the kernel still holds is read.
func (l *live) observe(ctx context.Context, d time.Duration) (err error) {
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
		l.sayHowFar(ctx, d)
		return l.table.Close()
	})
	return g.Wait()
}

// open binds two groups that nobody has and installs the table that logs to them.
func (l *live) open() error {
	group, err := l.bind()
	if err != nil {
		return err
	}
	c := l.rules
	c.Table, c.Group, c.MSS = tableName, group, true
	log := slog.New(slog.DiscardHandler)
	if l.table, err = rules.Install(c, log); err != nil {
		return err
	}
	l.say("observing PTBs and SYNs by nftables table %s and NFLOG groups %d and %d; Ctrl-C ends it with the report so far", tableName, group, group+1)
	return nil
}

// bind finds two groups, behind those of the daemon.
func (l *live) bind() (group uint16, err error) {
	first := uint32(l.rules.Group) + 2
	for g := first; g < first+2*pairs; g += 2 {
		group = uint16(max(g%65534, 1))
		if err = l.bindPair(group); !errors.Is(err, capture.ErrGroupTaken) {
			return group, err
		}
	}
	return 0, err
}

func (l *live) bindPair(group uint16) (err error) {
	if l.ptbs, err = capture.OpenNFLOG(capture.NFLOGConfig{Group: group, Buffer: buffer}); err != nil {
		return err
	}
	l.syns, err = capture.OpenNFLOG(capture.NFLOGConfig{Group: group + 1, Buffer: buffer})
	if err != nil {
		err = errors.Join(err, l.ptbs.Close())
		l.ptbs = nil
	}
	return err
}

func (l *live) close() error {
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
func (l *live) lost() uint64 {
	ptbs, syns := l.ptbs.Stats(), l.syns.Stats()
	return ptbs.Overrun + ptbs.Gap + syns.Overrun + syns.Gap + l.table.Stats().Guarded
}

// sayHowFar says it until the context ends.
func (l *live) sayHowFar(ctx context.Context, d time.Duration) {
	begun := time.Now()
	periodic.Run(ctx, min(max(d/progressLines, time.Second), 10*time.Second), func() {
		ptbs, syns := l.judge.counts()
		l.say("%v of %v: %d PTBs, %d SYNs", time.Since(begun).Round(time.Second), d, ptbs, syns)
	})
}

func (l *live) say(format string, args ...any) {
	_, _ = fmt.Fprintf(l.progress, format+"\n", args...)
}
