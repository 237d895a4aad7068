package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ptbrelay/config"
)

func write(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The log level of the command line goes before the file's, and the flags of a
// command before both; all of it is checked together.
func TestLoadConfig(t *testing.T) {
	path := write(t, "log: {level: warn}\n")
	o := &options{config: path}
	if c, err := o.loadConfig(nil); err != nil || c.Log.Level != config.LevelWarn {
		t.Errorf("file: level %s, %v", c.Log.Level, err)
	}
	o.logLevel = "debug"
	if c, err := o.loadConfig(nil); err != nil || c.Log.Level != config.LevelDebug {
		t.Errorf("flag: level %s, %v", c.Log.Level, err)
	}
	o.logLevel = "loud"
	_, err := o.loadConfig(func(c *config.Config) error {
		c.Relay.Limits.Node = 0
		return nil
	})
	if err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("two problems: %v", err)
	}
}

// A file that had something in it does not become the defaults by being cut; one that
// never had may.
func TestLoadConfigOfAFileCut(t *testing.T) {
	path := write(t, "")
	o := &options{config: path}
	for _, step := range []struct{ text, refused string }{
		{"", ""},
		{"log: {level: warn}\n", ""},
		{"", "it is empty and was not before"},
		{"", "it is empty and was not before"},
		{"# the defaults\n", ""},
		{"", "it is empty and was not before"},
	} {
		if err := os.WriteFile(path, []byte(step.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := o.loadConfig(nil)
		if (err != nil) != (step.refused != "") || err != nil && !strings.Contains(err.Error(), step.refused) {
			t.Errorf("%q: %v, want %q", step.text, err, step.refused)
		}
	}
}

// A flag may give what a file lacks.
func TestLoadConfigCompleted(t *testing.T) {
	o := &options{config: write(t, "relay: {transport: udp}")}
	c, err := o.loadConfig(func(c *config.Config) error {
		c.UDP.KeyFile = "/key"
		return nil
	})
	if err != nil || c.UDP.KeyFile != "/key" {
		t.Errorf("key file %q, %v", c.UDP.KeyFile, err)
	}
}

// What is wrong with flags is an error of usage, what is wrong with a file is a
// failure.
func TestLoadConfigErrors(t *testing.T) {
	wrong := errors.New("wrong")
	for name, c := range map[string]struct {
		options  options
		override func(*config.Config) error
		usage    bool
	}{
		"absent file": {options{config: filepath.Join(t.TempDir(), "absent")}, nil, false},
		"gone file":   {options{read: filepath.Join(t.TempDir(), "gone"), config: filepath.Join(t.TempDir(), "gone")}, nil, false},
		"bad file":    {options{config: write(t, "nonsense: 1\n")}, nil, false},
		"bad level":   {options{config: write(t, ""), logLevel: "loud"}, nil, true},
		"short file":  {options{config: write(t, "relay: {transport: udp}")}, nil, false},
		"override":    {options{config: write(t, "")}, func(*config.Config) error { return wrong }, true},
		"overridden":  {options{config: write(t, "")}, func(c *config.Config) error { c.Capture.Group = 0; return nil }, true},
	} {
		_, err := c.options.loadConfig(c.override)
		var exit exitError
		errors.As(err, &exit)
		if err == nil || (exit.code == exitUsage) != c.usage {
			t.Errorf("%s: exit code %d, %v", name, exit.code, err)
		}
		if name == "override" && !errors.Is(err, wrong) {
			t.Errorf("%s: %v does not wrap what was wrong", name, err)
		}
	}
}
