package deliver

import (
	"time"

	"ptbrelay/audit/host"
	"ptbrelay/classify"
)

const (
	// samplesPerSecond bounds the sample, and lookupsPerSecond the questions that
	// find no owner here: others' flows must not hide our own.
	samplesPerSecond = 20
	lookupsPerSecond = 200

	// The smallest path MTUs in bytes that the kernel takes from a PTB:
	// ip_rt_min_pmtu (net/ipv4/route.c), unless its sysctl says otherwise, and
	// IPV6_MIN_MTU (__ip6_rt_update_pmtu in net/ipv6/route.c).
	floorIPv4 = 552
	floorIPv6 = 1280
)

// sample is one flow of which it will be known what a PTB did to it.
type sample struct {
	family classify.Family
	flow   classify.Flow
	cookie uint64 // of its socket
	reach  uint32 // the path MTU in bytes that it comes to, or below
	at     time.Time

	decided bool // before the injection already
	result  Result
}

// sampler chooses flows and reads their path MTU before the injection. It is for
// one goroutine at a time.
type sampler struct {
	flows   *flows
	samples allowance
	lookups allowance
}

func newSampler(f *flows) sampler {
	return sampler{flows: f, samples: allowance{most: samplesPerSecond}, lookups: allowance{most: lookupsPerSecond}}
}

// choose says whether the message's flow is sampled. now is in nanoseconds; s and
// who are what is known of its socket.
func (p *sampler) choose(now int64, m *classify.Message, s host.Socket, who ownership) (sample, bool) {
	if !p.samples.has(now) {
		return sample{}, false
	}
	if who == unasked {
		if !p.lookups.take(now) {
			return sample{}, false
		}
		s, who = p.flows.owner(m.Flow)
	}
	if who == foreign {
		return sample{}, false
	}
	p.samples.take(now)
	x := sample{family: m.Family, flow: m.Flow, cookie: s.Cookie, reach: reachOf(m)}
	before, known := uint32(0), who == owned
	if known {
		before, known = p.flows.mtu(m.Flow, s)
	}
	switch {
	case !known:
		x.decided, x.result = true, Unknown
	case before <= x.reach:
		x.decided, x.result = true, Unchanged
	}
	return x, true
}

// reachOf is what the kernel makes of the next-hop MTU.
func reachOf(m *classify.Message) uint32 { return max(uint32(m.MTU), floorOf(m.Family)) }

func floorOf(f classify.Family) uint32 {
	if f == classify.IPv6 {
		return floorIPv6
	}
	return floorIPv4
}
