package app

import (
	"fmt"

	"ptbrelay/relay/control"
)

// daemonClient asks the daemon that runs with the same configuration.
func (o *options) daemonClient() (control.Client, error) {
	cfg, err := o.readConfig()
	if err != nil {
		return control.Client{}, err
	}
	if cfg.Control == "" {
		return control.Client{}, fmt.Errorf("control is empty in %s, so the daemon has no socket: give it a path and restart the daemon", o.read)
	}
	return control.Client{Path: cfg.Control}, nil
}
