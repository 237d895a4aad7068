package simulation

import (
	"ptbrelay/classify"
	"ptbrelay/config"
	"ptbrelay/relay/admit"
)

// guardBurst is in seconds of rules.node_guard, as relay/rules has it.
const guardBurst = 0.2

// ours is ptbrelay: the kernel's guard, then relay/admit.
type ours struct {
	guard    bucket
	admitter *admit.Admitter
	limits   admit.Limits
}

func (o *ours) admit(now int64, m *classify.Message) bool {
	if !o.guard.take(now) {
		return false
	}
	_, admitted := o.admitter.Admit(now, m, &o.limits)
	return admitted
}

// Ours is ptbrelay in its default settings.
func Ours() Scheme {
	defaults := config.Default()
	guard, l := float64(defaults.Rules.NodeGuard), defaults.Relay.Limits
	return Scheme{
		Name:   "ptbrelay",
		Budget: l.Node + l.NodeBurst,
		make: func(seed uint64) relay {
			return &ours{
				guard:    newBucket(guard, guardBurst*guard),
				admitter: admit.NewWith(func(b []byte) uint64 { return hash(seed, b) }),
				limits: admit.Limits{
					Node:   admit.PerSecond(uint32(l.Node), uint32(l.NodeBurst)),
					Router: admit.PerSecond(uint32(l.Router), uint32(l.RouterBurst)),
					Client: admit.PerSecond(uint32(l.Client), uint32(l.ClientBurst)),
				},
			}
		},
	}
}
