package fabric

import (
	"context"
	"net/netip"
	"time"

	"ptbrelay/config"
	"ptbrelay/relay/control"
	"ptbrelay/relay/transport"
)

const (
	// probeTime is how long peers get to answer.
	probeTime = 2 * time.Second
	// probeEach is what each probe takes: 1000 a second are sent.
	probeEach = time.Millisecond
)

func (f *routed) Selftest(ctx context.Context, c config.Config) ([]control.PeerTest, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime+time.Duration(f.FanOut())*probeEach)
	defer cancel()
	var tests []control.PeerTest
	for _, h := range f.Probe(ctx, askedAbout(c.VIPs)) {
		t := control.PeerTest{Peer: h.Peer.String(), Heard: h.OK, Error: h.Error}
		if h.OK {
			t.RoundTripSeconds, t.ClockSeconds = h.RoundTrip.Seconds(), h.Clock.Seconds()
			t.Delivers = h.Answer.Delivers.String()
			for _, vip := range h.Answer.Missing {
				t.MissingVIPs = append(t.MissingVIPs, vip.String())
			}
		}
		tests = append(tests, t)
	}
	return tests, nil
}

// askedAbout are the VIPs that a probe asks about: single addresses, as many as
// it holds.
func askedAbout(vips []netip.Prefix) (asked []netip.Addr) {
	for _, p := range vips {
		if p.IsSingleIP() && len(asked) < transport.MaxProbeVIPs {
			asked = append(asked, p.Addr())
		}
	}
	return asked
}
