package admit

import (
	"ptbrelay/classify"
	"ptbrelay/relay/outcome"
)

// Limits are the budgets of one server for what comes from the wire, in messages
// that it admits; each costs one copy a peer (or one broadcast frame an
// interface). They may change between two calls of Admit; what the tables
// remember survives that.
type Limits struct {
	// Node bounds all of them together.
	Node Rate
	// Router bounds those of one router prefix, /32 or /64, so that one router,
	// or who borrows its address, leaves something for the others.
	Router Rate
	// Client bounds those about one client prefix, /32 or /64, so that the
	// copies about one address are never many.
	Client Rate
}

// Admitter holds what one server remembers of the messages from the wire.
type Admitter struct {
	memory  memory
	clients accounts
	routers accounts
	node    bucket
	limits  Limits // of the last call
}

// New allocates the tables, 10 MiB, and seeds their hash.
func New() *Admitter { return NewWith(seeded()) }

// NewWith is New with a hash of all 64 bits, for simulations that must give the
// same result each time: anyone who knows the hash can aim at the tables' sets.
func NewWith(hash func([]byte) uint64) *Admitter {
	return &Admitter{memory: newMemory(hash), clients: newAccounts(), routers: newAccounts()}
}

// Admit says whether the message deserves a copy now; if not, the outcome says
// why. now is in nanoseconds and must not go back. Of a refused message only its
// flow and router are remembered: it neither opens nor extends a window and is
// charged to no bucket.
func (a *Admitter) Admit(now int64, m *classify.Message, l *Limits) (refused outcome.Outcome, admitted bool) {
	key, window, duplicate := a.memory.find(now, m)
	if duplicate {
		return outcome.Duplicate, false
	}
	if *l != a.limits {
		a.adopt(now, *l)
	}
	// All that the tables have is asked for before any of it is looked at: one
	// wait for memory instead of four is much of the speed of a new flow.
	flowHash, routerHash := a.memory.hashes(m)
	clientHash := a.memory.hashPrefix(m, m.Flow.Client())
	a.memory.touched ^= a.clients.touch(clientHash) ^ a.routers.touch(routerHash)
	level, flow := a.memory.levels.of(now, flowHash, routerHash)
	client, router := a.clients.find(clientHash), a.routers.find(routerHash)
	switch {
	case !client.has(now, clientHash, l.Client, level):
		return outcome.LimitedClient, false
	case !router.has(now, routerHash, l.Router, level):
		return outcome.LimitedRouter, false
	case a.node.has(now, l.Node, level):
	case level >= repeated:
		return outcome.LimitedNode, false
	default:
		return outcome.Deferred, false
	}
	client.charge(now, clientHash, l.Client)
	router.charge(now, routerHash, l.Router)
	a.node.charge(now, l.Node)
	window.admit(now, key)
	flow.tag |= copied
	return 0, true
}

// adopt puts other limits in force. It visits every account, which takes less
// than a millisecond.
func (a *Admitter) adopt(now int64, l Limits) {
	a.clients.convert(now, a.limits.Client, l.Client)
	a.routers.convert(now, a.limits.Router, l.Router)
	a.node.convert(now, a.limits.Node, l.Node)
	a.limits = l
}
