package app

import (
	"errors"
	"fmt"
	"io/fs"

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
			absent, err := besides(cfg)
			if err != nil {
				return err
			}
			text := fmt.Sprintf("%s: good\n", o.read)
			if o.read == "" {
				text = fmt.Sprintf("%s: there is none; these are the defaults\n", defaultConfig)
			}
			text += plannedBudget(cfg).text()
			if cfg.Relay.Transport == config.TransportBroadcast && len(cfg.Interfaces) == 0 {
				text += "note: interfaces is empty, `ptbrelay run` will need --interface\n"
			}
			for _, err := range absent {
				text += fmt.Sprintf("note: %v; `ptbrelay run` will need it\n", err)
			}
			_, err = fmt.Fprint(c.OutOrStdout(), text)
			return err
		},
	}
}

// besides looks at the files that the configuration names. What is not there, or not
// for this user to read, may be so where the daemon runs; the error is of files that
// are there and bad.
func besides(cfg config.Config) (absent []error, err error) {
	var wrong []error
	look := func(err error) {
		switch {
		case err == nil:
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
			absent = append(absent, err)
		default:
			wrong = append(wrong, fmt.Errorf("%w: `ptbrelay run` will not begin", err))
		}
	}
	if cfg.Relay.Transport == config.TransportUDP {
		_, err := readKeys(cfg)
		look(err)
	}
	_, err = webFile(cfg.HTTP.ConfigFile).read()
	look(err)
	return absent, errors.Join(wrong...)
}
