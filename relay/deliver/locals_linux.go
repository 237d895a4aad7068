package deliver

import (
	"net/netip"
	"sync/atomic"
	"time"

	"ptbrelay/audit/host"
)

const (
	// mostLocals is how many addresses are remembered: peers may send about ever
	// new ones, of an AnyIP prefix or made up.
	mostLocals = 1024
	// confirmAfter is when the kernel is asked again without word of a change,
	// for that may be lost or late; in nanoseconds.
	confirmAfter = int64(time.Second)
)

// locals remembers which addresses the kernel's FIB calls local. It is for one
// goroutine at a time.
type locals struct {
	query   *host.Query
	changes *atomic.Uint64 // how often the host has changed
	seen    uint64         // of them when the answers were given
	answers map[netip.Addr]answer
}

type answer struct {
	local bool
	at    int64 // nanoseconds
}

func newLocals(q *host.Query, changes *atomic.Uint64) locals {
	return locals{query: q, changes: changes, answers: make(map[netip.Addr]answer, mostLocals)}
}

// known is what is remembered of an address. Like ask it takes now in nanoseconds.
func (l *locals) known(now int64, a netip.Addr) (local, known bool) {
	// Before the kernel is asked: what changes while it answers is seen later.
	if changes := l.changes.Load(); changes != l.seen {
		l.seen = changes
		clear(l.answers)
	}
	v, ok := l.answers[a]
	return v.local, ok && now-v.at < confirmAfter
}

// ask asks the kernel, after known said that it must. Where it cannot be asked the
// address is not local, and not remembered as such.
func (l *locals) ask(now int64, a netip.Addr) bool {
	local, err := l.query.Local(a)
	if err != nil {
		return false
	}
	if len(l.answers) >= mostLocals {
		clear(l.answers)
	}
	l.answers[a] = answer{local: local, at: now}
	return local
}
