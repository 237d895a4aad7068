package app

import (
	"fmt"
	"log/slog"

	"ptbrelay/config"
)

// loud is the budget, in messages a second, above which a group should know
// what it does.
const loud = 20_000

// budget is what a configuration lets one server do at most: the packets that
// it sends and those that it takes in.
type budget struct {
	limits     config.Limits
	interfaces int
	injects    bool
}

func budgetOf(c config.Config) budget {
	return budget{
		limits:     c.Relay.Limits,
		interfaces: max(len(c.Interfaces), 1),
		injects:    c.Relay.Transport == config.TransportUDP,
	}
}

// copies is how many packets a second leave in the long run.
func (b budget) copies() int { return b.limits.Node * b.interfaces }

// injections is how many packets of peers a second are given to the kernel in
// the long run.
func (b budget) injections() int {
	if !b.injects {
		return 0
	}
	return b.limits.Deliver
}

// text says both sums and how they come about, one a line, and a warning where
// one is loud.
func (b budget) text() string {
	s := fmt.Sprintf("copies out: at most %d/s (relay.limits.node %d x interfaces %d), %d more after a calm\n",
		b.copies(), b.limits.Node, b.interfaces, b.limits.NodeBurst*b.interfaces)
	if b.injects {
		s += fmt.Sprintf("injections in: at most %d/s (relay.limits.deliver), %d more after a calm\n",
			b.injections(), b.limits.DeliverBurst)
	} else {
		s += "injections in: none (transport broadcast needs none)\n"
	}
	if b.isLoud() {
		s += fmt.Sprintf("warning: above %d/s: a spoofer can make this server do as much\n", loud)
	}
	return s
}

func (b budget) isLoud() bool { return max(b.copies(), b.injections()) > loud }

// log says the same to a daemon's log.
func (b budget) log(log *slog.Logger) {
	sums := []any{"copies_out_per_second", b.copies(), "injections_in_per_second", b.injections()}
	if b.isLoud() {
		log.Warn(fmt.Sprintf("budget above %d/s: a spoofer can make this server do as much", loud), sums...)
		return
	}
	log.Info("budget", sums...)
}
