package peers

import (
	"context"
	"net/netip"
	"slices"
)

// The names of the sources, as labels of metrics and in logs.
const (
	Static  = "static"
	File    = "file"
	DNSName = "dns"
)

// A source finds addresses. It keeps its last good list to itself while it
// fails: what it returns or reports is such a list, or empty as long as there
// was none.
type source interface {
	// same tells whether the other source would ask for the same.
	same(other source) bool
	// first returns what can be known without waiting for others; known is false
	// where that is nothing, not even a failure.
	first() (found []netip.AddrPort, known bool)
	// run comes after first, blocks until ctx ends or there is nothing to watch,
	// and reports after each look whether or not the list has changed.
	run(ctx context.Context, report func(found []netip.AddrPort))
}

// static is the list of the configuration.
type static []netip.AddrPort

func (s static) same(other source) bool {
	o, ok := other.(static)
	return ok && slices.Equal(s, o)
}

func (s static) first() ([]netip.AddrPort, bool) { return s, true }

func (s static) run(context.Context, func([]netip.AddrPort)) {}
