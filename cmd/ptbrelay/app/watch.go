package app

import (
	"cmp"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"ptbrelay/cmd/ptbrelay/app/output"
	"ptbrelay/relay/control"
)

func watchCommand(o *options) *cobra.Command {
	var client, verdict, outcome string
	c := &cobra.Command{
		Use:   "watch",
		Short: "Show messages as they come, and what became of them",
		Long: `Show what the daemon on this host receives, from the wire and from its peers,
and what became of it: the verdict of a message that was refused, the outcome of
an eligible one from the wire, the delivery of an eligible one from a peer. Copies
by broadcast go to the kernel, not to the daemon, and are not shown.

At most 200 messages a second are shown, 200 more after a calm; of what was not
shown there is the count. Filters come before that, so a rare message is found in
a flood. Ctrl-C ends it. Only the daemon's user and root may.`,
		Example: `  ptbrelay watch
  ptbrelay watch --client 203.0.113.9
  ptbrelay watch --verdict mtu-too-small --format json
  ptbrelay watch --client 2001:db8::/32 --outcome limited-client`,
		Args: cobra.NoArgs,
	}
	c.Flags().StringVar(&client, "client", "", "only about this client, an `address or prefix`")
	c.Flags().StringVar(&verdict, "verdict", "", "only with this `verdict`")
	c.Flags().StringVar(&outcome, "outcome", "", "only with this `outcome or delivery`")
	f := output.Flag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		filter, err := control.ParseFilter(client, verdict, outcome)
		if err != nil {
			return usage(err)
		}
		daemon, err := o.daemonClient(c)
		if err != nil {
			return err
		}
		if err := watch(c, daemon, filter, f); c.Context().Err() == nil {
			return err
		}
		return nil // ended by Ctrl-C
	}
	return c
}

// watch shows events until the context or the daemon ends.
func watch(c *cobra.Command, daemon control.Client, filter control.Filter, f *output.Format) error {
	w, err := daemon.Watch(c.Context(), filter)
	if err != nil {
		return err
	}
	defer w.Close()
	out := c.OutOrStdout()
	if f.IsText() {
		if err := watchHead(out); err != nil {
			return err
		}
	}
	for {
		e, err := w.Next()
		if err != nil {
			return err
		}
		if err := f.Print(out, e, func(w io.Writer) error { return printEvent(w, e) }); err != nil {
			return err
		}
	}
}

// watchLine holds IPv4 addresses in 119 columns; longer ones push what follows to
// the right.
const watchLine = "%-12s  %-15s  %-16s  %5s  %-4s  %-21s  %-17s  %s\n"

func watchHead(w io.Writer) error {
	_, err := fmt.Fprintf(w, watchLine, "time", "from", "became", "mtu", "", "client", "vip", "router")
	return err
}

func printEvent(w io.Writer, e control.Event) error {
	now := e.Time.Local().Format("15:04:05.000")
	if e.Skipped > 0 {
		if _, err := fmt.Fprintf(w, "%-12s  %d more not shown\n", now, e.Skipped); err != nil {
			return err
		}
	}
	if e.Verdict == "" {
		return nil // it told only of what was not shown
	}
	_, err := fmt.Fprintf(w, watchLine, now, e.From, cmp.Or(e.Outcome, e.Delivery, e.Verdict), output.MTU(e.MTU),
		cmp.Or(e.Protocol, "-"), output.Endpoint(e.Client, e.ClientPort), output.Endpoint(e.VIP, e.VIPPort), output.Endpoint(e.Router, 0))
	return err
}
