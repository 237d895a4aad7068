//go:build linux

package lab

import (
	"errors"
	"fmt"
	"slices"
)

// Landings says on which servers PTBs about a flow came in from the router, by
// number, each once and in order.
type Landings map[Flow][]int

// Landings reads it from taps on the servers' eth0, one for each server in
// order. Only frames addressed to that server count: broadcasts do not.
func (l *Lab) Landings(taps []*Tap) Landings {
	landings := make(Landings)
	for server, tap := range taps {
		for _, p := range tap.PTBs() {
			if p.Frame.Type != PacketHost || slices.Contains(landings[p.Flow], server) {
				continue
			}
			landings[p.Flow] = append(landings[p.Flow], server)
		}
	}
	return landings
}

// TapServers records PTBs and marker frames on every server's eth0, in order.
func (l *Lab) TapServers() ([]*Tap, error) {
	taps := make([]*Tap, len(l.Servers))
	err := each(len(taps), func(i int) (err error) {
		taps[i], err = l.Servers[i].Tap("eth0", TapOptions{})
		return err
	})
	return taps, err
}

// Missed are the flows whose PTBs came in on servers, but never on the owner.
func (r Report) Missed(landings Landings) []Flow {
	var flows []Flow
	for _, x := range r.Results {
		if on := landings[x.Flow]; len(on) > 0 && !slices.Contains(on, x.Owner) {
			flows = append(flows, x.Flow)
		}
	}
	return flows
}

// CheckHash is to be called after a phase: it returns an error unless the
// router sent the PTBs of at least a third of each family's flows past their
// owners, so that the phase was worth running.
func (r Report) CheckHash(landings Landings) error {
	var errs []error
	for _, f := range Families() {
		part := r.Family(f)
		flows, missed := len(part.Results), len(part.Missed(landings))
		if flows > 0 && 3*missed < flows {
			errs = append(errs, fmt.Errorf("PTBs of %d of %d %v flows missed their owner, want at least a third; the router does not hash them by ports", missed, flows, f))
		}
	}
	return errors.Join(errs...)
}
