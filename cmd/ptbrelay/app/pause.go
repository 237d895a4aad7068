package app

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"ptbrelay/cmd/ptbrelay/app/output"
	"ptbrelay/relay/control"
)

func pauseCommand(o *options) *cobra.Command {
	return switchCommand(o, control.Client.Pause, [2]string{"was paused already", "paused: nothing is sent or injected until `ptbrelay resume`"},
		&cobra.Command{
			Use:   "pause",
			Short: "Have the daemon stop sending and injecting for a while",
			Long: `Have the daemon on this host stop sending copies and injecting those of its
peers. It goes on capturing and counting, and keeps what it remembers; what it
would have sent has the outcome paused. It ends with ` + "`ptbrelay resume`" + ` or with
a restart. Only the daemon's user and root may.`,
			Example: `  ptbrelay pause
  ptbrelay pause --format json`,
		})
}

func resumeCommand(o *options) *cobra.Command {
	return switchCommand(o, control.Client.Resume, [2]string{"was not paused", "goes on"},
		&cobra.Command{
			Use:   "resume",
			Short: "Have a paused daemon go on",
			Long: `Have the daemon on this host go on sending and injecting after ` + "`ptbrelay pause`" + `.
Only the daemon's user and root may.`,
			Example: `  ptbrelay resume
  ptbrelay resume --format json`,
		})
}

// switchCommand makes c ask for pause or its end, and say whether that was a
// change: said holds what to say where it was none, and where it was one.
func switchCommand(o *options, ask func(control.Client, context.Context) (control.Switch, error), said [2]string, c *cobra.Command) *cobra.Command {
	c.Args = cobra.NoArgs
	f := output.Flag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		client, err := o.daemonClient(c)
		if err != nil {
			return err
		}
		s, err := ask(client, c.Context())
		if err != nil {
			return err
		}
		return f.Print(c.OutOrStdout(), s, func(w io.Writer) error {
			text := said[0]
			if s.Changed {
				text = said[1]
			}
			_, err := fmt.Fprintln(w, text)
			return err
		})
	}
	return c
}
