package app

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/exporter-toolkit/web"
)

// webFile is the path of http.config_file, which exporter-toolkit reads anew for each
// request and connection; empty is none.
type webFile string

// protection is what a file asks for.
type protection struct{ tls, passwords bool }

// read returns what the file asks for, or what is wrong with it or what it names, in
// one line.
func (f webFile) read() (p protection, err error) {
	if f == "" {
		return p, nil
	}
	if err := web.Validate(string(f)); err != nil {
		return p, fmt.Errorf("http.config_file: %s: %w", f, oneLine(err))
	}
	text, err := os.ReadFile(string(f))
	if err != nil {
		return p, fmt.Errorf("http.config_file: %w", err)
	}
	var keys struct {
		TLS struct {
			Text string `yaml:"cert"`
			File string `yaml:"cert_file"`
		} `yaml:"tls_server_config"`
		Users map[string]any `yaml:"basic_auth_users"`
	}
	if err := yaml.Unmarshal(text, &keys); err != nil {
		return p, fmt.Errorf("http.config_file: %s: %w", f, oneLine(err))
	}
	return protection{tls: keys.TLS.Text+keys.TLS.File != "", passwords: len(keys.Users) > 0}, nil
}

func oneLine(err error) error { return errors.New(strings.Join(strings.Fields(err.Error()), " ")) }

var (
	errTLSOn  = errors.New("http.config_file turns TLS on, which takes a restart: until then answers are not encrypted")
	errTLSOff = errors.New("http.config_file turns TLS off, which takes a restart: until then nobody is served")
)

// follow returns why a server that began with this protection does not serve as the
// file says now, or nil.
func (f webFile) follow(begun protection) error {
	now, err := f.read()
	switch {
	case err != nil:
		return fmt.Errorf("%w: nobody is served until it is mended", err)
	case now.tls && !begun.tls:
		return errTLSOn
	case begun.tls && !now.tls:
		return errTLSOff
	}
	return nil
}
