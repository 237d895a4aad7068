package app

import (
	"fmt"

	"github.com/spf13/cobra"
)

func checkConfigCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "check-config [FILE]",
		Short: "Check a configuration and report all that is wrong with it",
		Example: `  ptbrelay check-config
  ptbrelay check-config /etc/ptbrelay/config.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				if o.config != "" && o.config != args[0] {
					return usage(fmt.Errorf("two files named, %s and %s: name one", o.config, args[0]))
				}
				o.config = args[0]
			}
			if _, err := o.loadConfig(nil); err != nil {
				return exitError{code: exitFailure, err: err}
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "%s: good\n", o.configName())
			return err
		},
	}
}
