package simulation

import (
	"math/rand/v2"

	"ptbrelay/classify"
)

// attack describes what is forged.
type attack struct {
	forge forger
	rate  float64 // PTBs a second in all
	times int     // that each forged flow is sent, echo apart
	mtus  bool    // each time with another MTU, which no dedup window holds up
}

// echo is how long after a forged PTB the next one about its flow comes: long
// enough for the flow to count as one that came back.
const echo = 200 * millisecond

// floods are the attack's sources: the first makes up flows, each other one
// repeats it later, for it has the same seed.
func (a attack) floods(seed uint64) []source {
	var all []source
	for i := range a.times {
		f := newFlood(a.forge, a.rate/float64(a.times), int64(i)*echo, seed)
		if a.mtus {
			f.more = classify.MTU(i)
		}
		all = append(all, f)
	}
	return all
}

// flood is forged PTBs at random distances.
type flood struct {
	forge  forger
	random *rand.Rand
	gap    float64 // ns on average
	at     int64
	more   classify.MTU // than its forger's
}

func newFlood(forge forger, rate float64, from int64, seed uint64) *flood {
	f := &flood{forge: forge, random: rand.New(rand.NewPCG(seed, 1)), gap: float64(second) / rate, at: from}
	f.advance()
	return f
}

func (f *flood) next() int64 { return f.at }

func (f *flood) take(m *classify.Message) *flow {
	f.forge(f.random, m)
	m.MTU += f.more
	f.advance()
	return nil
}

func (f *flood) advance() { f.at += int64(f.random.ExpFloat64() * f.gap) }
