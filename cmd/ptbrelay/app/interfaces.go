package app

import (
	"fmt"
	"strings"

	"ptbrelay/audit/host"
)

// checkInterfaces refuses to guess where to broadcast: the default interface of
// an edge may be an exchange's network.
func checkInterfaces(names []string, state host.State) error {
	candidates := describeCandidates(state)
	if len(names) == 0 {
		return usage(fmt.Errorf("no interface to broadcast on: name the one that leads to the other servers, "+
			"with --interface or the key interfaces; candidates here: %s", candidates))
	}
	for _, name := range names {
		link, ok := state.Link(name)
		if !ok {
			return usage(fmt.Errorf("interface %s: there is none of that name; candidates here: %s", name, candidates))
		}
		if !link.Ethernet {
			return usage(fmt.Errorf("interface %s: not Ethernet, it cannot broadcast; candidates here: %s", name, candidates))
		}
	}
	return nil
}

func describeCandidates(s host.State) string {
	var names []string
	for _, l := range s.Links {
		if l.Up && l.Ethernet && !l.Loopback {
			names = append(names, fmt.Sprintf("%s (MTU %d)", l.Name, l.MTU))
		}
	}
	if len(names) == 0 {
		return "none is up"
	}
	return strings.Join(names, ", ")
}
