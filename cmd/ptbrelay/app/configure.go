package app

import (
	"errors"
	"fmt"
	"io/fs"

	"ptbrelay/config"
)

const defaultConfig = "/etc/ptbrelay/config.yaml"

// loadConfig reads the configuration that the global flags name: -c, else the
// default file where it exists, else the defaults. The override changes what
// flags of the command say, before all of it is checked.
func (o *options) loadConfig(override func(*config.Config) error) (config.Config, error) {
	cfg, err := o.readConfig()
	if err != nil {
		return cfg, usage(err)
	}
	if o.logLevel != "" {
		cfg.Log.Level = config.Level(o.logLevel)
	}
	if override != nil {
		if err := override(&cfg); err != nil {
			return cfg, usage(err)
		}
	}
	if err := cfg.Validate(); err != nil {
		return cfg, usage(err)
	}
	return cfg, nil
}

func (o *options) readConfig() (config.Config, error) {
	if o.config != "" {
		return config.Load(o.config)
	}
	cfg, err := config.Load(defaultConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return config.Default(), nil
	}
	return cfg, err
}

// configName says which file readConfig reads, for people.
func (o *options) configName() string {
	if o.config != "" {
		return o.config
	}
	return fmt.Sprintf("%s, or the defaults where that does not exist", defaultConfig)
}
