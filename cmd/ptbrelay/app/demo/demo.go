// Package demo shows the black hole and its end in a lab.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"ptbrelay/integration/lab"
)

// timeout is when a download counts as stalled.
const timeout = 3 * time.Second

// demo shows the same downloads without and with ptbrelay.
type demo struct {
	options  lab.Options
	out      io.Writer // the tables
	progress io.Writer // what is going on
	started  time.Time
}

func (d *demo) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.progress, "%5.1f s  %s\n", time.Since(d.started).Seconds(), fmt.Sprintf(format, args...))
}

// Run shows the same downloads without and with ptbrelay: the tables on out, what is
// going on on progress. The error says what did not stall, or was not healed.
func Run(ctx context.Context, o lab.Options, out, progress io.Writer) error {
	d := demo{options: o, out: out, progress: progress, started: time.Now()}
	before, err := d.phase(ctx, "Without ptbrelay", false)
	if err != nil {
		return err
	}
	after, err := d.phase(ctx, "With ptbrelay on every server", true)
	if err != nil {
		return err
	}
	return d.conclude(before.Summary(), after.Summary())
}

// phase builds a fresh network, with ptbrelay or without, and runs the
// downloads.
func (d *demo) phase(ctx context.Context, title string, relaying bool) (lab.Report, error) {
	d.say("building client, ISP, ECMP router and %d servers, %s", d.options.Servers, shapeNames[d.options.Shape])
	l, err := lab.New(ctx, d.options)
	if err != nil {
		return lab.Report{}, err
	}
	report, err := d.download(ctx, l, relaying)
	if err := errors.Join(err, l.Close()); err != nil {
		return report, err
	}
	return report, printReport(d.out, title, report)
}

func (d *demo) download(ctx context.Context, l *lab.Lab, relaying bool) (lab.Report, error) {
	d.say("every server holds %v and %v; the link to the client has MTU %d",
		l.VIP(lab.IPv4), l.VIP(lab.IPv6), l.Options.PathMTU)
	taps, err := l.TapServers()
	if err != nil {
		return lab.Report{}, err
	}
	if relaying {
		g := newGroup(l)
		d.say("starting %s", g.title)
		if err := g.start(ctx); err != nil {
			return lab.Report{}, err
		}
	}
	if err := l.Preflight(); err != nil {
		return lab.Report{}, err
	}
	d.say("%d downloads of 256 KiB over IPv4 and as many over IPv6, all at once; stalled means not done within %v",
		l.Options.Clients, timeout)
	report, err := l.Downloads(ctx, lab.Load{Timeout: timeout})
	if err != nil {
		return report, err
	}
	landings := l.Landings(taps)
	d.say("the router sent the PTBs of %d of %d connections to a server that does not hold them",
		len(report.Missed(landings)), len(report.Results))
	return report, report.CheckHash(landings)
}

func printReport(w io.Writer, title string, r lab.Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(w, "\n%s\n", title)
	_, _ = fmt.Fprintln(t, "\tdownloads\tfinished\tstalled\tp50\tslowest\t")
	for _, f := range lab.Families() {
		s := r.Family(f).Summary()
		_, _ = fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\t%s\t\n", familyNames[f], s.Flows, s.Finished, s.Stalled, seconds(s.P50), seconds(s.Slowest))
	}
	return t.Flush()
}

var shapeNames = map[lab.Shape]string{
	lab.ShapeSegment: "all on one segment",
	lab.ShapeRouted:  "each on its own routed link",
}

var familyNames = map[lab.Family]string{lab.IPv4: "IPv4", lab.IPv6: "IPv6"}

func seconds(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// conclude says what the two phases have shown.
func (d *demo) conclude(before, after lab.Summary) error {
	if before.Stalled == 0 {
		return errors.New("nothing stalled without ptbrelay: this kernel did not show the black hole")
	}
	if after.Stalled > 0 {
		return fmt.Errorf("not healed: %d of %d downloads stalled with ptbrelay", after.Stalled, after.Flows)
	}
	_, err := fmt.Fprintf(d.out, "\nHealed: %d of %d downloads stalled without ptbrelay, none with it.\n", before.Stalled, before.Flows)
	return err
}
