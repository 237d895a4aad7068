package logs

import "log/slog"

// Level is the least severe level that is written. The zero value is info, and those
// who wait for a change of it do not hear of one.
type Level struct {
	slog.LevelVar
	changed chan struct{} // of one: it is another since somebody looked
}

func newLevel(l slog.Level) *Level {
	v := &Level{changed: make(chan struct{}, 1)}
	v.LevelVar.Set(l)
	return v
}

// Set changes the level while the log is in use.
func (v *Level) Set(l slog.Level) {
	if v.Level() == l {
		return
	}
	v.LevelVar.Set(l)
	select {
	case v.changed <- struct{}{}:
	default:
	}
}
