// Package bench measures ptbrelay in the lab, from wire to wire: what a tap at
// one server saw come in against what a tap at another server saw come out.
// README.md says how to run it and how to read it.
package bench
