package app

import "log/slog"

// logLevel is the least severe level that is written.
type logLevel struct {
	slog.LevelVar
	changed chan struct{} // of one: it is another since somebody looked
}

func newLogLevel(l slog.Level) *logLevel {
	v := &logLevel{changed: make(chan struct{}, 1)}
	v.LevelVar.Set(l)
	return v
}

// Set changes the level while the log is in use.
func (v *logLevel) Set(l slog.Level) {
	if v.Level() == l {
		return
	}
	v.LevelVar.Set(l)
	select {
	case v.changed <- struct{}{}:
	default:
	}
}
