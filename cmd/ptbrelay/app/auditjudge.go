package app

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/audit"
	"ptbrelay/classify"
	"ptbrelay/config"
	"ptbrelay/relay/capture"
)

// judge is the pipeline of an audit by itself: PTBs and SYNs are judged and
// observed, and nothing is sent. Its handlers may run on several goroutines.
type judge struct {
	mu           sync.Mutex
	policy       classify.Policy
	decoder      classify.Decoder
	observations *audit.Observations
	packets      uint64
	verdicts     [classify.NumFamilies][classify.NumVerdicts]uint64
	syns         uint64
}

// newJudge makes one for a situation; the policy decides on SYNs too.
func newJudge(s situation) (*judge, error) {
	systems, err := openSystems(s.cfg)
	if err != nil {
		return nil, err
	}
	return &judge{policy: s.policy(), observations: audit.NewObservations(systems)}, nil
}

// openSystems opens the database of autonomous systems; nil: there is none.
func openSystems(c config.Config) (*audit.Systems, error) {
	if c.Audit.ASNDB == "" {
		return nil, nil
	}
	return audit.OpenSystems(c.Audit.ASNDB)
}

// handle is a [capture.Handler] of packets of any kind.
func (j *judge) handle(_ time.Time, batch []capture.Packet) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.packets += uint64(len(batch))
	for i := range batch {
		j.take(&batch[i])
	}
}

func (j *judge) take(p *capture.Packet) {
	m, v := j.decoder.Decode(p.Data)
	if v == classify.Eligible {
		v = j.policy.Classify(m)
	}
	if v == classify.NotPTB || v == classify.Truncated || v == classify.Fragment {
		if j.syn(p) || v == classify.NotPTB || !isICMP(m) {
			return
		}
	}
	j.verdicts[m.Family][v]++
	if v.OfMTU() {
		j.observations.Observe(m, v, p.From)
	}
}

// syn tells whether a packet opens a connection, and observes it.
func (j *judge) syn(p *capture.Packet) bool {
	isSYN, observed := observeSYN(j.observations, &j.policy, p)
	if observed {
		j.syns++
	}
	return isSYN
}

// observeSYN observes a packet that opens a connection to what is served here.
func observeSYN(o *audit.Observations, policy *classify.Policy, p *capture.Packet) (isSYN, observed bool) {
	s, isSYN := classify.DecodeSYN(p.Data)
	if !isSYN || !policy.VIPs.Contains(s.Server) || !policy.Ports.Has(s.ServerPort) {
		return isSYN, false
	}
	o.ObserveSYN(&s, p.From)
	return true, true
}

// isICMP tells whether a packet, of which there may be no more than the header, is
// ICMP: of fragments, and of what a capture has cut off, the rest is nobody's PTB.
func isICMP(m *classify.Message) bool {
	// Offsets in the headers of IPv4 and IPv6, and in a fragment header behind that.
	const protocol, nextHeader, fragmentNextHeader = 9, 6, 40
	switch m.Family {
	case classify.IPv4:
		return m.Packet[protocol] == unix.IPPROTO_ICMP
	case classify.IPv6:
		next := m.Packet[nextHeader]
		if next == unix.IPPROTO_FRAGMENT && len(m.Packet) > fragmentNextHeader {
			next = m.Packet[fragmentNextHeader]
		}
		return next == unix.IPPROTO_ICMPV6
	case classify.FamilyUnknown:
	}
	return false
}

// counts are how many PTBs and SYNs were taken.
func (j *judge) counts() (ptbs, syns uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for f := range j.verdicts {
		for _, n := range j.verdicts[f] {
			ptbs += n
		}
	}
	return ptbs, j.syns
}

// report begins a report with what was observed.
func (j *judge) report(from audit.Source) *audit.Report {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := &audit.Report{Version: buildVersion(), Source: from}
	r.Messages.Packets = j.packets
	r.Messages.Verdicts = verdicts(j.verdicts[:])
	j.observations.Fill(r)
	return r
}
