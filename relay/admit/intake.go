package admit

import (
	"net/netip"

	"ptbrelay/classify"
	"ptbrelay/relay/outcome"
)

// IntakeLimits are the budgets of one server for what peers send, in messages that
// it injects into its own kernel. They may change between two calls of Admit.
type IntakeLimits struct {
	// Peer bounds the messages of one peer.
	Peer Rate
	// Deliver bounds all of them together.
	Deliver Rate
}

// Intake holds what one server remembers of the messages from its peers.
type Intake struct {
	memory memory
	peers  accounts
	all    bucket
	limits IntakeLimits // of the last call
}

// NewIntake allocates the tables, 9 MiB, and seeds their hash.
func NewIntake() *Intake {
	return &Intake{memory: newMemory(seeded()), peers: newAccounts()}
}

// Admit says whether a message of this peer may be injected now, as
// [Admitter.Admit] does for a message from the wire.
func (i *Intake) Admit(now int64, m *classify.Message, peer netip.Addr, l *IntakeLimits) (refused outcome.Delivery, admitted bool) {
	key, window, duplicate := i.memory.find(now, m)
	if duplicate {
		return outcome.DuplicateDelivery, false
	}
	if *l != i.limits {
		i.adopt(now, *l)
	}
	flowHash, routerHash := i.memory.hashes(m)
	level, flow := i.memory.levels.of(now, flowHash, routerHash)
	peerHash := i.memory.hashPeer(peer)
	account := i.peers.find(peerHash)
	switch {
	case !account.has(now, peerHash, l.Peer, level):
		return outcome.LimitedPeer, false
	case !i.all.has(now, l.Deliver, level):
		return outcome.LimitedDelivery, false
	}
	account.charge(now, peerHash, l.Peer)
	i.all.charge(now, l.Deliver)
	window.admit(now, key)
	flow.tag |= copied
	return 0, true
}

// adopt does what that of an [Admitter] does.
func (i *Intake) adopt(now int64, l IntakeLimits) {
	i.peers.convert(now, i.limits.Peer, l.Peer)
	i.all.convert(now, i.limits.Deliver, l.Deliver)
	i.limits = l
}
