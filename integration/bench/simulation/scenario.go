package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// When what happens, in simulated time. Floods come first, so that tables are
// full of forgeries and buckets empty when the real flows start.
const (
	lead    = 15 * second      // floods start at 0, the measured flows here
	spread  = 30 * millisecond // within which they do
	horizon = 10 * second      // after lead a run ends
)

// measuredFlows is how many are measured where a scenario does not say
// otherwise.
const measuredFlows = 64

// Scenario is what one server receives.
type Scenario struct {
	Name   string
	Detail string // what tells it from others of the name; may be empty

	measured people
	skip     int    // so many of the measured flows do not count
	others   people // real too, but not measured
	attack   attack
}

// String is name and detail.
func (s Scenario) String() string {
	if s.Detail == "" {
		return s.Name
	}
	return s.Name + ", " + s.Detail
}

// sources makes the measured flows, and all that comes in, them included.
func (s Scenario) sources(seed uint64) (*crowd, []source) {
	random := rand.New(rand.NewPCG(seed, 0))
	measured := newCrowd(s.measured, random)
	all := append([]source{measured}, s.attack.floods(seed)...)
	if s.others.flows > 0 {
		all = append(all, newCrowd(s.others, random))
	}
	return measured, all
}

// together is so many flows, one a client, that start together.
func together(flows int) people {
	return people{flows: flows, perClient: 1, from: lead, to: lead + spread, maxRTT: maxRTT}
}

// Of is the scenario with so many measured flows, which start within a time and
// whose round trips are below farthest.
func (s Scenario) Of(flows int, within, farthest time.Duration) Scenario {
	s.measured.flows, s.measured.to, s.measured.maxRTT = flows, s.measured.from+int64(within), int64(farthest)
	return s
}

// Calm is the real flows and nothing else.
func Calm() Scenario {
	return Scenario{Name: "no flood", measured: together(measuredFlows)}
}

// OneClient is so many flows of one client.
func OneClient(flows int) Scenario {
	s := Calm()
	s.Name = fmt.Sprintf("%d flows of one client", flows)
	s.measured.flows, s.measured.perClient = flows, flows
	return s
}

// BusyRouter has so many more flows a second run into the black hole behind the
// router of the measured ones, all the time.
func BusyRouter(arrivals int) Scenario {
	s := Calm()
	s.Name, s.Detail = "busy router", perSecond(arrivals)+" flows more"
	s.others = people{
		flows: arrivals * int((lead+horizon)/second), perClient: 1,
		to: lead + horizon, maxRTT: maxRTT, first: 1 << 16,
	}
	return s
}

// SlowRouter is a router that can emit so many PTBs a second, and a random
// spray.
func SlowRouter(emits, spray int) Scenario {
	s := Calm()
	if spray > 0 {
		s = Spray(spray)
	}
	s.Detail = s.String()
	s.Name = "router emits " + perSecond(emits)
	s.measured.emits = float64(emits)
	return s
}

// Spray forges random routers, clients and ports.
func Spray(rate int) Scenario {
	return flooded("random spray", forgeAny, rate)
}

// RouterSpoofed speaks for the real router about random clients.
func RouterSpoofed(rate int) Scenario {
	return flooded("real router spoofed", forgeRouter, rate)
}

// quotedFlows is how many flows the client has that a forger names.
const quotedFlows = 2

// ClientQuoted forges quotes to one client, all ports, behind random routers,
// and measures the flows of others.
func ClientQuoted(rate int) Scenario {
	s := flooded("client quoted: others", forgeClient, rate)
	s.measured.flows, s.skip = quotedFlows+measuredFlows, quotedFlows
	return s
}

// ClientQuotedItself is the same flood, but measures the flows of that client.
func ClientQuotedItself(rate int) Scenario {
	s := flooded("client quoted: its own two", forgeClient, rate)
	s.measured.flows, s.measured.perClient = quotedFlows, quotedFlows
	return s
}

// PortQuotedItself is a flood that names the served port too.
func PortQuotedItself(rate int) Scenario {
	s := ClientQuotedItself(rate)
	s.Detail += ", served port"
	s.attack.forge = forgeServed
	return s
}

// Imitated is a spray in which each forged flow comes so many times, as a real
// one does.
func Imitated(rate, times int) Scenario {
	s := flooded("comebacks imitated", forgeAny, rate)
	s.Detail += fmt.Sprintf(", each flow ×%d", times)
	s.attack.times = times
	return s
}

// Insisted is such a spray with another MTU each time.
func Insisted(rate, times int) Scenario {
	s := Imitated(rate, times)
	s.Detail += ", other MTUs"
	s.attack.mtus = true
	return s
}

// RouterImitated is comebacks imitated in the name of the real router.
func RouterImitated(rate, times int) Scenario {
	s := RouterSpoofed(rate)
	s.Detail += fmt.Sprintf(", each flow ×%d", times)
	s.attack.times = times
	return s
}

func flooded(name string, forge forger, rate int) Scenario {
	s := Calm()
	s.Name, s.Detail = name, perSecond(rate)
	s.attack = attack{forge: forge, rate: float64(rate), times: 1}
	return s
}

// Scenarios are all that are shown, in that order.
func Scenarios() []Scenario {
	return []Scenario{
		Calm(), OneClient(256), BusyRouter(100), BusyRouter(1000), SlowRouter(50, 0),
		Spray(10_000), Spray(30_000), Spray(50_000), Spray(100_000), Spray(200_000),
		Spray(500_000), RouterSpoofed(600), RouterSpoofed(1000), RouterSpoofed(10_000), RouterSpoofed(30_000),
		SlowRouter(50, 30_000), ClientQuoted(10_000), ClientQuotedItself(10_000), PortQuotedItself(600), PortQuotedItself(10_000),
		Imitated(2000, 2), Imitated(5000, 2), Imitated(10_000, 2), Imitated(10_000, 8), Imitated(30_000, 2),
		Insisted(2000, 8), Insisted(10_000, 8),
		RouterImitated(400, 2), RouterImitated(1000, 2), RouterImitated(10_000, 2),
	}
}

// perSecond writes a rate as in "30 000/s".
func perSecond(rate int) string {
	if rate < 10_000 {
		return fmt.Sprintf("%d/s", rate)
	}
	return fmt.Sprintf("%d %03d/s", rate/1000, rate%1000)
}
