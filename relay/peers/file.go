package peers

import (
	"context"
	"log/slog"
	"net/netip"
)

// file is a watched list of peers.
type file struct {
	path  string
	port  uint16
	parse ParsePeer
	pace  pace
	log   *slog.Logger

	last  []netip.AddrPort
	fault trouble
}

func newFile(c Config, p pace, log *slog.Logger) *file {
	log = log.With("source", File, "file", c.File)
	return &file{path: c.File, port: c.Port, parse: c.Parse, pace: p, log: log, fault: trouble{log: log, level: slog.LevelWarn}}
}

func (f *file) same(other source) bool {
	o, ok := other.(*file)
	return ok && f.path == o.path && f.port == o.port
}

func (f *file) first() ([]netip.AddrPort, bool) { return f.read(), true }

// read returns the last good list, which is the file's if that is good.
func (f *file) read() []netip.AddrPort {
	found, err := f.list()
	if err != nil {
		f.fault.begin(err.Error(), "peers file refused", "err", err, "peers_kept", len(f.last))
		return f.last
	}
	f.fault.end("peers file good again", "peers", len(found))
	f.last = found
	return found
}

func (f *file) run(ctx context.Context, report func([]netip.AddrPort)) {
	newWatch(f.path, f.pace, f.log).run(ctx, func() { report(f.read()) })
}

func (f *file) list() ([]netip.AddrPort, error) {
	text, err := readBounded(f.path)
	if err != nil {
		return nil, err
	}
	return parseList(text, func(line string) (netip.AddrPort, error) { return f.parse.with(f.port, line) })
}
