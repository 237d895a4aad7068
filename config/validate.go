package config

import (
	"fmt"
	"slices"
)

// Validate returns all that is wrong with c, in the order of the keys, or nil.
// Each line of the error is a [Problem].
func (c *Config) Validate() error { return join(c.problems()) }

// problems returns what the rules find, in the order of the keys.
func (c *Config) problems() []Problem {
	var r checker
	r.interfaces(c.Interfaces)
	r.vips(c.VIPs)
	r.policy(&c.Policy)
	r.relay(&c.Relay)
	r.udp(c)
	r.peers(c)
	r.capture(c)
	r.rate("rules.node_guard", c.Rules.NodeGuard)
	r.file("audit.asn_db", c.Audit.ASNDB)
	r.between("audit.routes_every", c.Audit.RoutesEvery, second, day)
	r.listen("http.listen", c.HTTP.Listen)
	r.file("http.config_file", c.HTTP.ConfigFile)
	r.socket("control", c.Control)
	r.oneOf("log.level", string(c.Log.Level), string(LevelDebug), string(LevelInfo), string(LevelWarn), string(LevelError))
	r.oneOf("log.format", string(c.Log.Format), string(FormatText), string(FormatJSON))
	order := make(map[string]int)
	for i, l := range leaves(c) {
		order[l.path] = i
	}
	slices.SortStableFunc(r.problems, func(a, b Problem) int { return order[keyOf(a.Path)] - order[keyOf(b.Path)] })
	return r.problems
}

// checker collects what its methods find.
type checker struct{ problems []Problem }

func (r *checker) add(path, format string, args ...any) {
	r.problems = append(r.problems, Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

// miss is add for a key without which others make no sense. A flag may give it
// yet, so a file that lacks it is no bad file.
func (r *checker) miss(path, format string, args ...any) {
	r.add(path, format, args...)
	r.problems[len(r.problems)-1].missing = true
}
