package host

import (
	"net/netip"
	"slices"
)

// State is what the kernel said of this network namespace at one moment.
type State struct {
	Links []Link // by index
	// Local holds what the FIB delivers to this host: every route of type
	// local in every table but default routes, AnyIP prefixes too, sorted,
	// without repetition.
	Local []netip.Prefix
}

// Equal reports whether two states are the same.
func (s State) Equal(o State) bool {
	return slices.Equal(s.Links, o.Links) && slices.Equal(s.Local, o.Local)
}

// LargestMTU is the largest MTU in bytes of the links that are up and not
// loopback; ok is false when there is none.
func (s State) LargestMTU() (mtu uint32, ok bool) {
	for _, l := range s.Links {
		if l.Up && !l.Loopback {
			mtu, ok = max(mtu, l.MTU), true
		}
	}
	return mtu, ok
}

// Link returns the link of that name.
func (s State) Link(name string) (Link, bool) {
	i := slices.IndexFunc(s.Links, func(l Link) bool { return l.Name == name })
	if i < 0 {
		return Link{}, false
	}
	return s.Links[i], true
}
