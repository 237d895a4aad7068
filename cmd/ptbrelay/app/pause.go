package app

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func pauseCommand(o *options) *cobra.Command {
	c := &cobra.Command{
		Use:   "pause",
		Short: "Have the daemon stop sending and injecting for a while",
		Long: `Have the daemon on this host stop sending copies and injecting those of its
peers. It goes on capturing and counting, and keeps what it remembers; what it
would have sent has the outcome paused. It ends with ` + "`ptbrelay resume`" + ` or with
a restart. Only the daemon's user and root may.`,
		Example: `  ptbrelay pause
  ptbrelay pause --format json`,
		Args: cobra.NoArgs,
	}
	f := formatFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		client, err := o.daemonClient()
		if err != nil {
			return err
		}
		s, err := client.Pause(c.Context())
		if err != nil {
			return err
		}
		return f.print(c.OutOrStdout(), s, func(w io.Writer) error {
			text := "paused: nothing is sent or injected until `ptbrelay resume`"
			if !s.Changed {
				text = "was paused already"
			}
			_, err := fmt.Fprintln(w, text)
			return err
		})
	}
	return c
}
