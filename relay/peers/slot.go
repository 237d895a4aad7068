package peers

import (
	"context"
	"net/netip"
)

// A slot is a source at work and what it last gave.
type slot struct {
	name   string
	source source
	found  []netip.AddrPort
	// known: the source has looked. resolved: it has found something.
	known, resolved bool
	// stop ends the source and waits for it.
	stop func()
}

type report struct {
	slot  *slot
	found []netip.AddrPort
}

// start sets a source to work. Until it has found something, the slot holds what
// was there before.
func start(ctx context.Context, name string, src source, before []netip.AddrPort, reports chan<- report) *slot {
	s := &slot{name: name, source: src, found: before}
	if found, known := src.first(); known {
		s.take(found)
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		src.run(ctx, func(found []netip.AddrPort) {
			select {
			case reports <- report{s, found}:
			case <-ctx.Done():
			}
		})
	}()
	s.stop = func() {
		cancel()
		<-done
	}
	return s
}

// take is told what the source found.
func (s *slot) take(found []netip.AddrPort) {
	s.known = true
	if len(found) > 0 {
		s.found, s.resolved = found, true
	}
}
