package simulation

import "ptbrelay/classify"

// pmtud is the limits of cloudflare/pmtud: a token bucket for the source
// address, one of 8191 that addresses are hashed to, and one for the
// interface; both must hold a token. It remembers no flow and has no guard.
type pmtud struct {
	seed    uint64
	sources []bucket
	iface   bucket
}

// pmtudSources is how many buckets the addresses share; pmtudBurst is in
// seconds of the rate, for both limits.
const (
	pmtudSources = 8191
	pmtudBurst   = 1.9
)

func newPMTUD(source, iface float64, seed uint64) *pmtud {
	p := &pmtud{seed: seed, sources: make([]bucket, pmtudSources), iface: newBucket(iface, pmtudBurst*iface)}
	for i := range p.sources {
		p.sources[i] = newBucket(source, pmtudBurst*source)
	}
	return p
}

func (p *pmtud) admit(now int64, m *classify.Message) bool {
	router := m.Router.As16()
	source := &p.sources[hash(p.seed, router[:])%pmtudSources]
	if !source.holds(now) || !p.iface.holds(now) {
		return false
	}
	source.spend()
	p.iface.spend()
	return true
}

// PMTUD is cloudflare/pmtud as it comes: --src-rate 1.1 --iface-rate 10.
func PMTUD() Scheme { return pmtudWith("pmtud", 1.1, 10) }

// PMTUDWide is cloudflare/pmtud with as many copies a second as ours makes, and
// as many for one router: first come, first served.
func PMTUDWide() Scheme { return pmtudWith("pmtud at 1000/s", 1000, 1000) }

func pmtudWith(name string, source, iface float64) Scheme {
	return Scheme{
		Name:   name,
		Budget: int(iface + pmtudBurst*iface),
		make:   func(seed uint64) relay { return newPMTUD(source, iface, seed) },
	}
}
