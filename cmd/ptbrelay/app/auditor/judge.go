package auditor

import (
	"sync"
	"time"

	"ptbrelay/audit"
	"ptbrelay/classify"
	"ptbrelay/cmd/ptbrelay/app/tally"
	"ptbrelay/relay/capture"
)

// judge is the pipeline of an audit by itself: PTBs and SYNs are judged and
// observed, and nothing is sent. Its handlers may run on several goroutines.
type judge struct {
	version string

	mu           sync.Mutex
	policy       classify.Policy
	decoder      classify.Decoder
	observations *audit.Observations
	packets      uint64
	verdicts     [classify.NumFamilies][classify.NumVerdicts]uint64
	syns         uint64
}

func newJudge(s *Setup) (*judge, error) {
	systems, err := openSystems(s.ASNDB)
	if err != nil {
		return nil, err
	}
	return &judge{version: s.Version, policy: s.Policy, observations: audit.NewObservations(systems)}, nil
}

// openSystems opens the database of autonomous systems; nil: there is none.
func openSystems(path string) (*audit.Systems, error) {
	if path == "" {
		return nil, nil
	}
	return audit.OpenSystems(path)
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
		if j.syn(p) || v == classify.NotPTB || !m.IsICMP() { // nobody's PTB
			return
		}
	}
	j.verdicts[m.Family][v]++
	if v.OfMTU() {
		j.observations.Observe(m, p.From)
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
	r := &audit.Report{Version: j.version, Source: from}
	r.Messages.Packets = j.packets
	r.Messages.Verdicts = tally.Verdicts(&j.verdicts)
	j.observations.Fill(r)
	return r
}
