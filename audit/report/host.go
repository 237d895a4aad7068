package report

import (
	"fmt"
	"strconv"
	"strings"

	"ptbrelay/audit"
	"ptbrelay/audit/host"
)

// host prints what this host itself says.
func (w *writer) host(h *audit.Host) {
	w.heading("Interfaces")
	w.table(0, func(row func(string, ...any)) {
		for _, i := range h.Interfaces {
			state := "up"
			if !i.Up {
				state = "down"
			}
			row("  %s\tMTU %d\t%s", i.Name, i.MTU, state)
		}
	})
	w.routes(h.Routes)
	for _, v := range h.Exceptions {
		w.mtus("Path MTUs that this kernel has learned", v)
	}
	w.counters(h.Counters)
	for _, e := range h.Errors {
		w.printf("  not read: %s\n", e)
	}
	w.heading("Findings")
	w.findings(h.Findings)
}

func (w *writer) routes(r audit.Routes) {
	w.heading("Routes: %d IPv4, %d IPv6, %d with a tag", r.IPv4, r.IPv6, len(r.Tagged))
	if len(r.Tagged) > 0 {
		w.table(0, func(row func(string, ...any)) {
			row("  route\ttable\tMTU\tadvmss")
			for _, t := range r.Tagged[:min(len(r.Tagged), shownNetworks)] {
				row("  %s\t%s\t%s\t%s", t.Prefix, host.TableName(t.Table), locked(t), orDash(t.AdvMSS))
			}
		})
		w.more(len(r.Tagged))
	}
	if len(r.Tagged) > 0 && len(r.NextHops) > 0 {
		w.printf("\n")
	}
	if len(r.NextHops) > 0 {
		w.table(0, func(row func(string, ...any)) {
			row("  next hop\tinterface\tneighbour\troutes\tonly way of")
			for _, n := range r.NextHops[:min(len(r.NextHops), shownNetworks)] {
				row("  %s\t%s\t%s\t%d\t%d", gateway(n), n.Interface, condition(n), n.Routes, n.Only)
			}
		})
		w.more(len(r.NextHops))
	}
	if r.LeftOut > 0 {
		w.printf("  %d more are counted and not listed\n", r.LeftOut)
	}
}

func locked(t audit.TaggedRoute) string {
	if t.Locked {
		return orDash(t.MTU) + " locked"
	}
	return orDash(t.MTU)
}

func gateway(n audit.RouteNextHop) string {
	if n.Gateway == "" {
		return "on the link"
	}
	return n.Gateway
}

// condition is the neighbour's state and the kernel's own word.
func condition(n audit.RouteNextHop) string {
	said := []string{strings.TrimSpace(n.Neighbour + " " + n.MAC)}
	if n.Gateway == "" {
		said = nil
	}
	if n.Dead {
		said = append(said, "dead")
	}
	if n.LinkDown {
		said = append(said, "link down")
	}
	if len(said) == 0 {
		return "-"
	}
	return strings.Join(said, ", ")
}

func (w *writer) counters(all []audit.Counter) {
	if len(all) == 0 {
		return
	}
	w.heading("Counters of this kernel, since it started")
	w.table(0, func(row func(string, ...any)) {
		for _, c := range all {
			row("  %s\t%d\t%s\t%s", c.Name, c.Value, rate(c.PerSecond), c.Means)
		}
	})
}

func rate(perSecond float64) string {
	if perSecond == 0 {
		return ""
	}
	return fmt.Sprintf("%.3g/s", perSecond)
}

// orDash is a number of bytes, or a dash for none.
func orDash(bytes uint32) string {
	if bytes == 0 {
		return "-"
	}
	return strconv.FormatUint(uint64(bytes), 10)
}

// counted is a count and by how much it may be too large.
func counted(n, tooMany uint64) string {
	if tooMany == 0 {
		return strconv.FormatUint(n, 10)
	}
	return fmt.Sprintf("%d (-%d)", n, tooMany)
}
