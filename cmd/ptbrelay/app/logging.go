package app

import (
	"io"
	"log/slog"

	"ptbrelay/config"
)

// newLogger writes to w as the configuration says; the level can be changed
// later. Where the journal stamps each line we do not.
func newLogger(w io.Writer, c config.Log) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	level.Set(c.Level.Slog())
	o := &slog.HandlerOptions{Level: level}
	if underSystemd() {
		o.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
	}
	if c.Format == config.FormatJSON {
		return slog.New(slog.NewJSONHandler(w, o)), level
	}
	return slog.New(slog.NewTextHandler(w, o)), level
}
