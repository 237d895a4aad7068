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
// people ask: by the default socket, where one is there and the file the default one.
// What another file says is of another daemon.
func (o *options) daemonClient(c *cobra.Command) (control.Client, error) {
	cfg, err := o.readConfig()
	if err != nil && !errors.Is(err, fs.ErrNotExist) && cmp.Or(o.config, defaultConfig) == defaultConfig {
		cfg.Control = config.Default().Control
		if _, absent := os.Stat(cfg.Control); absent == nil {
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
