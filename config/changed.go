package config

import (
	"fmt"
	"slices"
)

// Changed returns a line for every key whose value differs, with the old and
// the new one: "relay.limits.node: 1000 -> 2000". Long lists are cut; none is an
// empty list. It is for the log; the configuration holds no secrets, keys are in a
// file.
func Changed(old, new Config) []string {
	lines := []string{}
	for _, d := range differences(&old, &new) {
		lines = append(lines, fmt.Sprintf("%s: %s -> %s", d.old.path, short(text(d.old.value)), short(text(d.new.value))))
	}
	return lines
}

// NonDefault returns a line for every key that is not at its default:
// "relay.limits.node: 2000". Long lists are cut.
func NonDefault(c Config) []string {
	defaults := Default()
	var lines []string
	for _, d := range differences(&defaults, &c) {
		lines = append(lines, d.new.path+": "+short(text(d.new.value)))
	}
	return lines
}

// KeepRestartKeys returns new with the old value of every key that a running
// daemon cannot take over: what is in force after a reload.
func KeepRestartKeys(old, new Config) Config {
	old, new = clone(old), clone(new)
	for _, d := range differences(&old, &new) {
		if d.old.reload != reloadLive {
			d.new.value.Set(d.old.value)
		}
	}
	return new
}

// reloadLive is the reload tag of a key whose change takes effect at once.
const reloadLive = "live"

type difference struct{ old, new leaf }

func differences(old, new *Config) []difference {
	var found []difference
	was, is := leaves(old), leaves(new)
	for i := range was {
		if text(was[i].value) != text(is[i].value) {
			found = append(found, difference{was[i], is[i]})
		}
	}
	return found
}

// clone returns a copy that shares no list with c.
func clone(c Config) Config {
	c.Interfaces = slices.Clone(c.Interfaces)
	c.VIPs = slices.Clone(c.VIPs)
	c.Policy.Protocols = slices.Clone(c.Policy.Protocols)
	c.Policy.Ports = slices.Clone(c.Policy.Ports)
	c.Peers.Static = slices.Clone(c.Peers.Static)
	return c
}
