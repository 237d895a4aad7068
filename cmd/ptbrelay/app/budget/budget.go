// Package budget sums up what a configuration lets one server do.
package budget

import (
	"fmt"
	"log/slog"

	"ptbrelay/config"
)

// loud is the budget, in packets a second, above which a group should know what
// it does.
const loud = 20_000

// Budget is what a configuration lets one server do at most: the packets that
// it sends and those of peers that it gives to its kernel.
type Budget struct {
	limits config.Limits
	fanOut int    // copies of one message
	each   string // what gets a copy
	more   bool   // a file or name adds peers that are not known yet
	// planned: nobody runs it yet, and this server may be one of the peers.
	planned bool
	udp     bool
}

// Of takes how many copies a message becomes.
func Of(c config.Config, fanOut int) Budget {
	b := Budget{limits: c.Relay.Limits, fanOut: fanOut, each: "interfaces"}
	if c.Relay.Transport == config.TransportUDP {
		b.each, b.udp = "peers", true
	}
	return b
}

// Planned is that of a configuration which nobody runs yet.
func Planned(c config.Config) Budget {
	if c.Relay.Transport != config.TransportUDP {
		return Of(c, max(len(c.Interfaces), 1))
	}
	b := Of(c, len(c.StaticPeers()))
	b.planned = true
	b.more = c.Peers.File != "" || c.Peers.DNS.Name != ""
	return b
}

// copies is how many packets a second leave in the long run: with the largest
// limit and three interfaces more than 32 bits hold.
func (b Budget) copies() int64 { return int64(b.limits.Node) * int64(b.fanOut) }

// atOnce is how many more may leave after a calm.
func (b Budget) atOnce() int64 { return int64(b.limits.NodeBurst) * int64(b.fanOut) }

// injections is how many packets of peers a second reach this host's kernel in
// the long run.
func (b Budget) injections() int64 {
	if !b.udp {
		return 0
	}
	return int64(b.limits.Deliver)
}

func (b Budget) loud() bool { return max(b.copies(), b.injections()) > loud }

// Text says both sums and how they come about, one a line, and a warning where
// one is loud.
func (b Budget) Text() string {
	s := fmt.Sprintf("copies out: at most %d/s (relay.limits.node %d x %s %d), %d more after a calm\n",
		b.copies(), b.limits.Node, b.each, b.fanOut, b.atOnce())
	if b.udp && b.planned {
		s += "            and less where this server is among those peers\n"
	}
	if b.more {
		s += fmt.Sprintf("            and %d/s for each peer of peers.file and peers.dns\n", b.limits.Node)
	}
	if b.udp {
		s += fmt.Sprintf("injections in: at most %d/s (relay.limits.deliver), %d more after a calm\n", b.injections(), b.limits.DeliverBurst)
	} else {
		s += "injections in: none (transport broadcast needs none)\n"
	}
	if b.loud() {
		s += fmt.Sprintf("warning: above %d/s: a spoofer can make this server do as much\n", loud)
	}
	return s
}

// Log says the same to a daemon's log.
func (b Budget) Log(log *slog.Logger) {
	sums := []any{"copies_out_per_second", b.copies(), b.each, b.fanOut, "injections_in_per_second", b.injections()}
	if b.loud() {
		log.Warn(fmt.Sprintf("budget above %d/s: a spoofer can make this server do as much; lower relay.limits if it must not", loud), sums...)
		return
	}
	log.Info("budget", sums...)
}
