// Package output is how the commands print what they found: as text or JSON, to stdout
// or whole into a file.
package output

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"ptbrelay/config"
)

// Format is the flag --format.
type Format config.Format

// Flag adds the flag to a command.
func Flag(c *cobra.Command) *Format {
	f := Format(config.FormatText)
	c.Flags().Var(&f, "format", "print as `text|json`")
	return &f
}

// String implements [pflag.Value].
func (f *Format) String() string { return string(*f) }

// Type implements [pflag.Value].
func (f *Format) Type() string { return "format" }

// Set implements [pflag.Value].
func (f *Format) Set(text string) error {
	switch config.Format(text) {
	case config.FormatText, config.FormatJSON:
		*f = Format(text)
		return nil
	}
	return errors.New("want text or json")
}

// IsText tells whether it is for people, who need columns to have a name.
func (f *Format) IsText() bool { return config.Format(*f) == config.FormatText }

// Print prints a value as one line of JSON, or its text.
func (f *Format) Print(w io.Writer, v any, text func(io.Writer) error) error {
	if f.IsText() {
		return text(w)
	}
	return json.NewEncoder(w).Encode(v)
}
