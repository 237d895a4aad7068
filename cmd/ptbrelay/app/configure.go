package app

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"ptbrelay/config"
)

const defaultConfig = "/etc/ptbrelay/config.yaml"

// loadConfig reads the configuration that the global flags name: -c, else the
// default file where it exists, else the defaults. The override changes what
// flags of the command say. What is wrong then is wrong with the flags, unless the
// file lacked something that they could have given.
func (o *options) loadConfig(override func(*config.Config) error) (config.Config, error) {
	cfg, err := o.readConfig()
	if err != nil {
		return cfg, err
	}
	short := cfg.Validate() != nil
	if o.logLevel != "" {
		cfg.Log.Level = config.Level(o.logLevel)
	}
	if override != nil {
		if err := override(&cfg); err != nil {
			return cfg, usage(err)
		}
	}
	err = cfg.Validate()
	if err != nil && short {
		return cfg, fmt.Errorf("%s: %w", o.read, err)
	}
	return cfg, usage(err)
}

// readConfig reads it without what flags of run may give, such as the key file:
// for the commands that can do without.
func (o *options) readConfig() (config.Config, error) {
	path := cmp.Or(o.config, defaultConfig)
	// To open a FIFO without a writer would hold a daemon for ever, its end too.
	if info, err := os.Stat(path); o.read != "" && err == nil && !info.Mode().IsRegular() {
		return config.Config{}, fmt.Errorf("config %s: it is not a regular file, so it cannot be read again", path)
	}
	cfg, empty, err := config.Load(path)
	switch {
	case err == nil && empty && o.filled:
		// A writer cuts a file before it writes, and a pipe is read once.
		err = fmt.Errorf("config %s: it is empty and was not before: write a comment into it if the defaults are meant", path)
	case err == nil:
		o.read, o.filled = path, !empty
	case !errors.Is(err, fs.ErrNotExist):
	case o.config != "":
		err = fmt.Errorf("%w: name another with --config", err)
	case o.read == "":
		return config.Default(), nil
	default:
		// A daemon that had one must not fall back to the defaults.
		err = fmt.Errorf("%w: it was there before", err)
	}
	return cfg, err
}
