package report

import (
	"fmt"
	"strings"

	"ptbrelay/audit"
)

// shownNetworks is how many of each list the text shows; the JSON has all.
const shownNetworks = 10

// networks says where one kind of message comes from.
func (w *writer) networks(what string, n audit.NetworkSide) {
	if n.Samples == 0 {
		return
	}
	missed := ""
	if n.Missed > 0 {
		missed = fmt.Sprintf(", %d more came too fast", n.Missed)
	}
	w.heading("%s (%d looked at%s)", what, n.Samples, missed)
	w.networkTable("network", n.Prefixes)
	if len(n.Systems) > 0 {
		w.printf("\n")
		w.networkTable("AS", n.Systems)
	}
	w.inbound(n.NextHops)
	w.several(n.Several)
}

func (w *writer) networkTable(what string, all []audit.Network) {
	w.table(0, func(row func(string, ...any)) {
		row("  %s\tcount\tshare\tMTU", what)
		for _, n := range all[:min(len(all), shownNetworks)] {
			row("  %s\t%s\t%s\t%s", n.Name, counted(n.Count, n.Error), percent(n.Share), orDash(n.MTU))
		}
	})
	w.more(len(all))
}

func (w *writer) inbound(all []audit.Inbound) {
	if len(all) == 0 {
		return
	}
	w.printf("\n")
	w.table(0, func(row func(string, ...any)) {
		row("  next hop on the link\tcount\tshare")
		for _, n := range all[:min(len(all), shownNetworks)] {
			row("  %s\t%s\t%s", n.MAC, counted(n.Count, n.Error), percent(n.Share))
		}
	})
	w.more(len(all))
}

// several names the networks that come in by several neighbours: what one
// connection sends may take them in turn.
func (w *writer) several(all []audit.Several) {
	if len(all) == 0 {
		return
	}
	w.printf("\n")
	w.table(0, func(row func(string, ...any)) {
		row("  network by several next hops\tcount\tnext hops")
		for _, s := range all[:min(len(all), shownNetworks)] {
			row("  %s\t%d\t%s", s.Prefix, s.Count, strings.Join(s.MACs, ", "))
		}
	})
	w.more(len(all))
}

func (w *writer) more(listed int) {
	if listed > shownNetworks {
		w.printf("  and %d more (--format json has all)\n", listed-shownNetworks)
	}
}
