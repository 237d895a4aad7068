//go:build linux

package lab

import (
	"errors"
	"fmt"
)

// Preflight is to be called before a phase: it returns an error unless every
// server is without path MTU exceptions and has tcp_mtu_probing 0, so that
// nothing but PTBs can change how flows fare.
func (l *Lab) Preflight() error {
	return each(len(l.Servers), func(i int) error {
		var errs []error
		for _, f := range Families() {
			n, err := l.Servers[i].Exceptions(f)
			if err == nil && n != 0 {
				err = fmt.Errorf("node %s: %d %v path MTU exceptions before the phase, want none; use a fresh lab", l.Servers[i].name, n, f)
			}
			errs = append(errs, err)
		}
		v, err := l.Servers[i].Sysctl("net/ipv4/tcp_mtu_probing")
		if err == nil && v != "0" {
			err = fmt.Errorf("node %s: tcp_mtu_probing is %s, want 0: the kernel would get around black holes by itself", l.Servers[i].name, v)
		}
		return errors.Join(append(errs, err)...)
	})
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
