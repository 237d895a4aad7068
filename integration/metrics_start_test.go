package integration

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/config"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Every series of the golden file is there from the first scrape on, of either
// transport, so that rates know the first message from nothing; what was read of
// the host comes a moment later. Nothing is counted yet.
func TestMetricsFromTheFirstScrape(t *testing.T) {
	l := labtest.New(t, lab.Options{Shape: lab.ShapeRouted, Servers: 2, Clients: 1})
	for i, transport := range transports {
		server, want := l.Servers[i], goldenSeries(t, transport)
		if transport == config.TransportUDP {
			labtest.WriteKeys(t, server, labtest.Key(0))
			labtest.StartUDPRelay(t, server, labtest.Peers(l, lab.IPv4)...)
		} else {
			labtest.StartRelay(t, server)
		}
		_, first := labtest.Get(t, server, labtest.MetricsURL)
		lint(t, first)
		got := seriesOf(first)
		if missing := slices.DeleteFunc(slices.Clone(want), func(s string) bool { return ofHost.MatchString(s) || slices.Contains(got, s) }); len(missing) > 0 {
			t.Errorf("%s: not in the first scrape: %q", transport, missing)
		}
		for line := range strings.Lines(first) {
			if strings.HasPrefix(line, "ptbrelay_") && strings.Contains(line, "_total{") && !unsteady.MatchString(line) && !strings.HasSuffix(line, " 0\n") {
				t.Errorf("%s: counts from the start: %s", transport, line)
			}
		}
		labtest.Eventually(t, 10*time.Second, "the host is read", func() error {
			_, later := labtest.Get(t, server, labtest.MetricsURL)
			if diff := cmp.Diff(want, seriesOf(later)); diff != "" {
				return fmt.Errorf("%s: -want +got:\n%s", transport, diff)
			}
			return nil
		})
	}
}

// ofHost matches what is known once the host has been read.
var ofHost = regexp.MustCompile(`^ptbrelay_(audit_findings|pmtu_exceptions)\{`)

// goldenSeries are the series of the golden file, as a daemon with this transport has
// them on a host without a tagged route.
func goldenSeries(t *testing.T, transport config.Transport) []string {
	t.Helper()
	text := strings.ReplaceAll(goldenMetrics(t), `transport="udp"`, fmt.Sprintf("transport=%q", transport))
	return slices.DeleteFunc(seriesOf(text), func(s string) bool { return strings.HasPrefix(s, "ptbrelay_route_mtu_bytes") })
}

// seriesOf are the series of an exposition, whatever their values.
func seriesOf(exposition string) (series []string) {
	for line := range strings.Lines(steady(exposition)) {
		if line[0] != '#' {
			series = append(series, line[:strings.LastIndexByte(line, ' ')])
		}
	}
	return series
}
