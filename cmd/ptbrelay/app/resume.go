package app

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func resumeCommand(o *options) *cobra.Command {
	c := &cobra.Command{
		Use:   "resume",
		Short: "Have a paused daemon go on",
		Long: `Have the daemon on this host go on sending and injecting after ` + "`ptbrelay pause`" + `.
Only the daemon's user and root may.`,
		Example: `  ptbrelay resume
  ptbrelay resume --format json`,
		Args: cobra.NoArgs,
	}
	f := formatFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		client, err := o.daemonClient()
		if err != nil {
			return err
		}
		s, err := client.Resume(c.Context())
		if err != nil {
			return err
		}
		return f.print(c.OutOrStdout(), s, func(w io.Writer) error {
			text := "goes on"
			if !s.Changed {
				text = "was not paused"
			}
			_, err := fmt.Fprintln(w, text)
			return err
		})
	}
	return c
}
