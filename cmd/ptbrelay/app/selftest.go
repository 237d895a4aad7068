package app

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"ptbrelay/cmd/ptbrelay/app/output"
	"ptbrelay/relay/control"
)

func selftestCommand(o *options) *cobra.Command {
	c := &cobra.Command{
		Use:   "selftest",
		Short: "Have the daemon try whether its peers hear it and this kernel learns",
		Long: `Have the daemon on this host probe every peer: who heard, the round trip, how far
the peer's clock is off, and whether it would deliver. And prove here that the
kernel applies a PTB, with one toward a documentation address.

Exits 1 if a peer was not heard, is a second or more off, or does not deliver; if
the kernel did not apply the PTB; or if there was nothing to try. Only the
daemon's user and root may.`,
		Example: `  ptbrelay selftest
  ptbrelay selftest --format json`,
		Args: cobra.NoArgs,
	}
	f := output.Flag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		daemon, err := o.daemonClient(c)
		if err != nil {
			return err
		}
		s, err := daemon.Selftest(c.Context())
		if err != nil {
			return err
		}
		found := s.Findings()
		answer := struct {
			OK bool `json:"ok"`
			control.Selftest
		}{len(found) == 0, s}
		if err := f.Print(c.OutOrStdout(), answer, func(w io.Writer) error { return printSelftest(w, s, found) }); err != nil {
			return err
		}
		if len(found) > 0 {
			return exitError{code: exitFailure}
		}
		return nil
	}
	return c
}

func printSelftest(w io.Writer, s control.Selftest, found []string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(s.Peers) > 0 {
		_, _ = fmt.Fprintln(t, "peer\theard\tround trip\tclock\tdelivers\tlacks")
		for _, p := range s.Peers {
			_, _ = fmt.Fprintln(t, peerRow(p))
		}
		_, _ = fmt.Fprintln(t)
	}
	_, _ = fmt.Fprintln(t, "this kernel\tapplies\tpath MTU\tfrom\ttoward")
	for _, l := range s.Local {
		_, _ = fmt.Fprintln(t, localRow(l))
	}
	_, _ = fmt.Fprintln(t)
	for _, text := range found {
		_, _ = fmt.Fprintln(t, "finding: "+text)
	}
	if len(found) == 0 {
		_, _ = fmt.Fprintln(t, "good")
	}
	return t.Flush()
}

func peerRow(p control.PeerTest) string {
	if !p.Heard {
		return p.Peer + "\tno\t-\t-\t-\t-"
	}
	return strings.Join([]string{
		p.Peer, "yes",
		fmt.Sprintf("%.2f ms", p.RoundTripSeconds*1e3),
		fmt.Sprintf("%+.1f ms", p.ClockSeconds*1e3),
		cmp.Or(p.Delivers, "-"),
		cmp.Or(strings.Join(p.MissingVIPs, " "), "-"),
	}, "\t")
}

func localRow(l control.LocalTest) string {
	switch {
	case l.Skipped:
		return l.Family + "\tskipped\t" + cmp.Or(l.Error, "-")
	case !l.OK:
		return l.Family + "\tno\t" + cmp.Or(l.Error, "-")
	case l.Earlier:
		return fmt.Sprintf("%s\tyes\t%d since an earlier selftest\t%s\t%s", l.Family, l.After, l.Source, l.Destination)
	}
	return fmt.Sprintf("%s\tyes\t%d to %d\t%s\t%s", l.Family, l.Before, l.After, l.Source, l.Destination)
}
