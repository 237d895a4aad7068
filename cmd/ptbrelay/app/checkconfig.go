package app

import (
	"fmt"

	"github.com/spf13/cobra"

	"ptbrelay/config"
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
			cfg, err := o.loadConfig(nil)
			if err != nil {
				return err
			}
			text := fmt.Sprintf("%s: good\n", o.read)
			if o.read == "" {
				text = fmt.Sprintf("%s: there is none, the defaults are in force\n", defaultConfig)
			}
			text += plannedBudget(cfg).text()
			if cfg.Relay.Transport == config.TransportBroadcast && len(cfg.Interfaces) == 0 {
				text += "note: interfaces is empty, `ptbrelay run` will need --interface\n"
			}
			if cfg.Relay.Transport == config.TransportUDP {
				if _, err := readKeys(cfg); err != nil {
					text += fmt.Sprintf("note: %v; `ptbrelay run` will need it\n", err)
				}
			}
			if _, err := webFile(cfg.HTTP.ConfigFile).read(); err != nil {
				text += fmt.Sprintf("note: %v; `ptbrelay run` will need it\n", err)
			}
			_, err = fmt.Fprint(c.OutOrStdout(), text)
			return err
		},
	}
}
