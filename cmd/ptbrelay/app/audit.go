package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"ptbrelay/audit"
	"ptbrelay/audit/host"
	"ptbrelay/audit/report"
	"ptbrelay/cmd/ptbrelay/app/auditor"
	"ptbrelay/cmd/ptbrelay/app/output"
	"ptbrelay/cmd/ptbrelay/app/settings"
)

// auditFlags say what an audit observes and where its report goes.
type auditFlags struct {
	live   time.Duration
	pcap   string
	daemon bool
	output string
}

func auditCommand(o *options) *cobra.Command {
	var a auditFlags
	c := &cobra.Command{
		Use:   "audit",
		Short: "Report which MTUs clients and paths have, and what this host makes of them",
		Long: `Observe PTBs and clients' SYNs for a while and report which MTUs they tell of,
which MTU an edge should use, and where they come from; then what this host's
routes, counters and settings say about path MTU. Nothing is changed or sent, and
the daemon need not run: for as long as it observes, the audit has an nftables table
and two NFLOG groups of its own. Needs CAP_NET_ADMIN. Of SYNs it takes a sample, 100 a
second.

--pcap reads a capture instead, pcap or pcapng, also by gzip, "-" for stdin, and
knows nothing of the host: without vips every destination counts as ours, and without
policy.mtu.max 1500 is the limit. So capture only what comes in, in whole packets:

  tcpdump -i eth0 -Q in -w edge.pcap '(tcp[13] & 18 = 2) or (ip6[6] = 6 and
    ip6[53] & 18 = 2) or (icmp[0] = 3 and icmp[1] = 4) or icmp6[0] = 2'

--daemon asks the daemon what it has seen since it started; of SYNs it knows with
audit.mss only.

Which MTU an edge should use is said from the clients' MSS and from the PTBs of the
paths, each with its number of samples; below 2500 it is too few to rely on. A count
such as 812 (-3) may be up to 3 too large.

With --format json it is one object: version, source, begun, seconds, ended,
messages, next_hop_mtu, mss, edge, networks, host.

Ctrl-C ends it with the report so far. Exits 1 where the capture is broken, after
the report of what came before, and 0 whatever is found: see ptbrelay doctor.`,
		Example: `  ptbrelay audit
  ptbrelay audit --for 10m -o report.txt
  ptbrelay audit --pcap edge.pcapng.gz --format json
  ptbrelay audit --daemon`,
		Args: cobra.NoArgs,
	}
	const defaultFor = time.Minute
	c.Flags().DurationVar(&a.live, "for", defaultFor, "how long to observe this host, a `time` such as 10m")
	c.Flags().StringVar(&a.pcap, "pcap", "", "read a capture `file`; - is stdin")
	c.Flags().BoolVar(&a.daemon, "daemon", false, "ask the daemon of this host")
	c.Flags().StringVarP(&a.output, "output", "o", "", "write the report to this `file`")
	f := output.Flag(c)
	c.RunE = func(c *cobra.Command, _ []string) error { return a.run(c, o, f) }
	return c
}

func (a *auditFlags) run(c *cobra.Command, o *options, f *output.Format) error {
	if err := a.check(c); err != nil {
		return usage(err)
	}
	if a.output != "" {
		if err := output.TryFile(a.output); err != nil {
			return err
		}
	}
	r, ended := a.observe(c, o)
	if r == nil {
		return ended
	}
	return failure(errors.Join(a.write(c.OutOrStdout(), r, f), ended))
}

// check finds what the flags ask for at once that excludes one another.
func (a *auditFlags) check(c *cobra.Command) error {
	ways := 0
	for _, name := range []string{"for", "pcap", "daemon"} {
		if c.Flags().Changed(name) {
			ways++
		}
	}
	switch {
	case ways > 1:
		return errors.New("--for, --pcap and --daemon exclude one another: give one")
	case a.live <= 0:
		return fmt.Errorf("--for %v: give a time, such as 60s or 10m", a.live)
	case c.Flags().Changed("pcap") && a.pcap == "":
		return errors.New("--pcap is empty: name a file, or - for stdin")
	}
	return nil
}

// observe makes the report; with an error there may be one of what came before.
func (a *auditFlags) observe(c *cobra.Command, o *options) (*audit.Report, error) {
	if a.daemon {
		return auditOfDaemon(c, o)
	}
	cfg, err := o.readConfig()
	if err != nil {
		return nil, err
	}
	if a.pcap != "" {
		file, err := openCapture(c.Context(), a.pcap, c.InOrStdin(), func() error { return nil })
		if err != nil {
			return nil, err
		}
		defer file.Close()
		return auditor.File(c.Context(), file, auditSetup(settings.Anywhere(cfg)))
	}
	state, err := host.Read()
	if err != nil {
		return nil, err
	}
	setup := auditSetup(settings.Situation{Config: cfg, Host: state})
	return auditor.Live(c.Context(), a.live, setup, rulesConfig(cfg), c.ErrOrStderr())
}

func auditSetup(s settings.Situation) auditor.Setup {
	return auditor.Setup{
		Version: buildVersion(), Policy: s.Policy(), ASNDB: s.Config.Audit.ASNDB, Expect: settings.Expectation(s.Config),
	}
}

// auditOfDaemon is the report of the daemon on this host.
func auditOfDaemon(c *cobra.Command, o *options) (*audit.Report, error) {
	daemon, err := o.daemonClient(c)
	if err != nil {
		return nil, err
	}
	s, err := daemon.Snapshot(c.Context())
	if err != nil {
		return nil, err
	}
	r := new(audit.Report)
	if err := json.Unmarshal(s.Audit, r); err != nil {
		return nil, fmt.Errorf("the daemon is ptbrelay %s, and this is %s, which does not read its audit: restart it: %w", s.Version, buildVersion(), err)
	}
	return r, nil
}

// write prints the report, to a file by way of another one: what was there stays
// until the report is whole. What was observed live cannot be had again, so where the
// file cannot be written that is printed after all.
func (a *auditFlags) write(stdout io.Writer, r *audit.Report, f *output.Format) error {
	show := func(w io.Writer) error {
		return f.Print(w, r, func(w io.Writer) error { return report.Text(w, r) })
	}
	if a.output == "" {
		return show(stdout)
	}
	err := output.WriteFile(a.output, show)
	if err != nil && r.Source == audit.Live {
		err = errors.Join(err, show(stdout))
	}
	return err
}
