package app

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"

	"github.com/spf13/cobra"

	"ptbrelay/audit/host"
	"ptbrelay/classify"
	"ptbrelay/cmd/ptbrelay/app/budget"
	"ptbrelay/cmd/ptbrelay/app/fabric"
	"ptbrelay/cmd/ptbrelay/app/httpd"
	"ptbrelay/config"
)

func checkConfigCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "check-config [FILE]",
		Short: "Check a configuration and report all that is wrong with it",
		Example: `  ptbrelay check-config
  ptbrelay check-config /etc/ptbrelay/config.yaml`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: oneFile,
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
			notes, err := besides(cfg)
			if err = errors.Join(err, notForService(cfg, o.read)); err != nil {
				return err
			}
			text := fmt.Sprintf("%s: good\n", o.read)
			if o.read == "" {
				text = fmt.Sprintf("%s: there is none; these are the defaults\n", defaultConfig)
			}
			text += budget.Planned(cfg).Text()
			if cfg.Relay.Transport == config.TransportBroadcast && len(cfg.Interfaces) == 0 {
				text += "note: interfaces is empty, `ptbrelay run` will need --interface\n"
			}
			for _, note := range notes {
				text += "note: " + note + "\n"
			}
			_, err = fmt.Fprint(c.OutOrStdout(), text)
			return err
		},
	}
}

// besides looks at what the configuration names on this host. What is not there, or not
// for this user to read, may be so where the daemon runs; the error is of files that
// are there and bad.
func besides(cfg config.Config) (notes []string, err error) {
	var wrong []error
	need := func(err error) {
		switch {
		case err == nil:
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
			notes = append(notes, err.Error()+"; `ptbrelay run` will need it")
		default:
			wrong = append(wrong, fmt.Errorf("%w: `ptbrelay run` will not begin", err))
		}
	}
	notes = append(notes, notHere(cfg)...)
	if cfg.Relay.Transport == config.TransportUDP {
		_, err := fabric.ReadKeys(cfg)
		need(err)
	}
	if cfg.Peers.File != "" {
		if _, err := os.Stat(cfg.Peers.File); err != nil {
			need(fmt.Errorf("peers.file: %w", err))
		}
	}
	lacks, err := httpd.Check(cfg.HTTP.ConfigFile)
	need(err)
	if lacks != "" {
		notes = append(notes, "http.config_file: "+lacks)
	}
	return notes, errors.Join(wrong...)
}

// notHere names interfaces and addresses that this host does not have.
func notHere(cfg config.Config) (notes []string) {
	state, err := host.Read()
	if err != nil {
		return nil // where it cannot be read `run` will say so
	}
	if cfg.Relay.Transport == config.TransportBroadcast {
		for _, name := range cfg.Interfaces {
			if _, ok := state.Link(name); !ok {
				notes = append(notes, fmt.Sprintf("interfaces: %s is not on this host; `ptbrelay run` will need it", name))
			}
		}
	}
	local := classify.Prefixes(state.Local...)
	if listen, err := netip.ParseAddrPort(cfg.HTTP.Listen); err == nil && !listen.Addr().IsUnspecified() && !local.Contains(listen.Addr()) {
		notes = append(notes, fmt.Sprintf("http.listen: this host does not have %s; `ptbrelay run` will need it", listen.Addr()))
	}
	return notes
}
