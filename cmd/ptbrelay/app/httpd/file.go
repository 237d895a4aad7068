package httpd

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/exporter-toolkit/web"
)

// file is the path of http.config_file, which exporter-toolkit reads anew for each
// request and connection; empty is none.
type file string

// protection is what a file asks for. Certificates of clients take the place of
// passwords.
type protection struct{ tls, clients, passwords bool }

// lacks says what the protection is without, or nothing.
func (p protection) lacks() string {
	switch {
	case !p.passwords && !p.clients:
		return "nobody is asked for a password"
	case !p.tls:
		return "passwords travel in the clear, for there is no TLS"
	}
	return ""
}

// log says once how a server is protected.
func (p protection) log(log *slog.Logger, f file) {
	switch lacks := p.lacks(); {
	case f == "":
	case lacks != "":
		log.Warn("http.config_file protects in part: "+lacks, "tls", p.tls, "passwords", p.passwords)
	default:
		log.Info("http is protected", "tls", p.tls, "passwords", p.passwords)
	}
}

// Check finds what is wrong with a file of TLS and passwords, in one line. lacks says what
// a good one leaves without protection, or nothing.
func Check(path string) (lacks string, err error) {
	p, err := file(path).read()
	if err != nil || path == "" {
		return "", err
	}
	return p.lacks(), nil
}

// read returns what the file asks for, or what is wrong with it or what it names, in
// one line.
func (f file) read() (p protection, err error) {
	if f == "" {
		return p, nil
	}
	text, err := f.text()
	if err != nil {
		return p, fmt.Errorf("http.config_file: %w", err)
	}
	if err := web.Validate(string(f)); err != nil {
		return p, fmt.Errorf("http.config_file: %s: %w", f, oneLine(err))
	}
	var keys struct {
		TLS struct {
			Text string `yaml:"cert"`
			File string `yaml:"cert_file"`
			Auth string `yaml:"client_auth_type"`
		} `yaml:"tls_server_config"`
		Users map[string]any `yaml:"basic_auth_users"`
	}
	if err := yaml.Unmarshal(text, &keys); err != nil {
		// Without the source: it has passwords' hashes, and may have the key.
		return p, fmt.Errorf("http.config_file: %s: %w", f, oneLine(errors.New(yaml.FormatError(err, false, false))))
	}
	return protection{
		tls:       keys.TLS.Text+keys.TLS.File != "",
		clients:   strings.HasPrefix(keys.TLS.Auth, "Require"),
		passwords: len(keys.Users) > 0,
	}, nil
}

// text is what stands in the file.
func (f file) text() ([]byte, error) {
	// Looked at before it is opened, for opening a pipe would block.
	info, err := os.Stat(string(f))
	if err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", f)
	}
	text, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w: user %d, who runs this, must be able to read it", err, os.Getuid())
	}
	return text, err
}

func oneLine(err error) error { return errors.New(strings.Join(strings.Fields(err.Error()), " ")) }

var (
	errTLSOn  = errors.New("http.config_file turns TLS on, which takes a restart: until then answers are not encrypted")
	errTLSOff = errors.New("http.config_file turns TLS off, which takes a restart: until then nobody is served")
	// A file that is cut short asks for nothing.
	errPasswordsOff = errors.New("http.config_file turns passwords off, which takes a restart: until then nobody is served")
)

// guard serves nobody where the file that asked for passwords at the start no longer
// serves so: exporter-toolkit would ask for none.
func (f file) guard(begun protection, h http.Handler) http.Handler {
	if !begun.passwords {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if now, err := f.read(); err != nil || !now.passwords {
			http.Error(w, "http.config_file is bad: the log says why", http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// follow returns why a server that began with this protection does not serve as the
// file says now, or nil.
func (f file) follow(begun protection) error {
	now, err := f.read()
	switch {
	case err != nil:
		return fmt.Errorf("%w: nobody is served until it is mended", err)
	case now.tls && !begun.tls:
		return errTLSOn
	case begun.tls && !now.tls:
		return errTLSOff
	case begun.passwords && !now.passwords:
		return errPasswordsOff
	}
	return nil
}
