package app

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"ptbrelay/config"
	"ptbrelay/relay/control"
)

// daemonClient asks the daemon that runs with the same configuration. A daemon goes on
// with its old configuration where the file has become wrong, and it is then that
// people ask: by the socket that the file still names. Where it is no YAML, that is the
// default socket for the default file; another file's daemon is not the one there.
func (o *options) daemonClient(c *cobra.Command) (control.Client, error) {
	cfg, err := o.readConfig()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		if cfg.Control == "" && cmp.Or(o.config, defaultConfig) == defaultConfig {
			cfg.Control = config.Default().Control
		}
		if _, statErr := os.Stat(cfg.Control); statErr == nil {
			complain(c.ErrOrStderr(), fmt.Errorf("%w\nasking the daemon of %s all the same", err, cfg.Control))
			err = nil
		}
	}
	if err != nil {
		return control.Client{}, err
	}
	if cfg.Control == "" {
		return control.Client{}, fmt.Errorf("control is empty in %s, so the daemon has no socket: give it a path and restart the daemon", o.read)
	}
	return control.Client{Path: cfg.Control}, nil
}
