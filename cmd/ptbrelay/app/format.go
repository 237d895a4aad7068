package app

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"ptbrelay/config"
)

// format is the flag --format: how a command prints what it found.
type format config.Format

// formatFlag adds the flag to a command.
func formatFlag(c *cobra.Command) *format {
	f := format(config.FormatText)
	c.Flags().Var(&f, "format", "print as `text|json`")
	return &f
}

// String implements [pflag.Value].
func (f *format) String() string { return string(*f) }

// Type implements [pflag.Value].
func (f *format) Type() string { return "format" }

// Set implements [pflag.Value].
func (f *format) Set(text string) error {
	switch config.Format(text) {
	case config.FormatText, config.FormatJSON:
		*f = format(text)
		return nil
	}
	return errors.New("want text or json")
}

// print prints a value as one line of JSON, or its text.
func (f *format) print(w io.Writer, v any, text func(io.Writer) error) error {
	if config.Format(*f) == config.FormatJSON {
		return json.NewEncoder(w).Encode(v)
	}
	return text(w)
}
