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
