package app

import (
	"fmt"
	"log/slog"

	"ptbrelay/config"
)

// loud is the budget, in packets a second, above which a group should know what
// it does.
const loud = 20_000

// budget is what a configuration lets one server do at most: the packets that
// it sends and those of peers that it gives to its kernel.
type budget struct {
	limits     config.Limits
	interfaces int
}

func budgetOf(c config.Config) budget {
	return budget{limits: c.Relay.Limits, interfaces: max(len(c.Interfaces), 1)}
}

// copies is how many packets a second leave in the long run: with the largest
// limit and three interfaces more than 32 bits hold.
func (b budget) copies() int64 { return int64(b.limits.Node) * int64(b.interfaces) }

// atOnce is how many more may leave after a calm.
func (b budget) atOnce() int64 { return int64(b.limits.NodeBurst) * int64(b.interfaces) }

// text says both sums and how they come about, one a line, and a warning where
// one is loud.
func (b budget) text() string {
	s := fmt.Sprintf("copies out: at most %d/s (relay.limits.node %d x interfaces %d), %d more after a calm\n",
		b.copies(), b.limits.Node, b.interfaces, b.atOnce())
	s += "injections in: none (transport broadcast needs none)\n"
	if b.copies() > loud {
		s += fmt.Sprintf("warning: above %d/s: a spoofer can make this server do as much\n", loud)
	}
	return s
}

// log says the same to a daemon's log.
func (b budget) log(log *slog.Logger) {
	sums := []any{"copies_out_per_second", b.copies(), "injections_in_per_second", 0}
	if b.copies() > loud {
		log.Warn(fmt.Sprintf("budget above %d/s: a spoofer can make this server do as much", loud), sums...)
		return
	}
	log.Info("budget", sums...)
}
