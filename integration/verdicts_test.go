package integration

import (
	"slices"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// strict is the policy of the corpus as a configuration.
const strict = `
policy:
  ports: [443, 53]
  strict: true
vips: [192.0.2.1, 2001:db8:ffff::1]
`

// Every packet of the corpus that the rules let through is counted under its
// verdict, and none but the eligible ones reaches the wire.
func TestRefused(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1})
	labtest.StartRelay(t, l.Servers[0], "--config", writeConfig(t, strict))
	there := labtest.Tap(t, l.Servers[1], "eth0")

	want := make(map[string]float64)
	copies := make(map[classify.Key]bool)
	passed := make(map[classify.Verdict]bool)
	var eligible, logged int
	for _, c := range classifytest.Corpus() {
		if len(c.Packet) == 0 {
			continue // no frame without a packet
		}
		labtest.FromRouter(t, l, 0, c.Packet)
		if c.Reach != classifytest.Logged {
			continue // the total below proves that it did not come through
		}
		var d classify.Decoder
		m, _ := d.Decode(c.Packet)
		want[verdictMetric(m.Family.String(), c.Verdict)]++
		passed[c.Verdict] = true
		logged++
		if c.Verdict == classify.Eligible {
			eligible++
			copies[m.Key()] = true
		}
	}
	for metric, n := range want {
		await(t, l.Servers[0], metric, n)
	}
	m := metricsOf(t, l.Servers[0])
	if got := sum(m, "ptbrelay_received_total"); got != float64(logged) {
		t.Errorf("%v messages received, %d can come through", got, logged)
	}
	if got := sum(m, "ptbrelay_outcomes_total"); got != float64(eligible) {
		t.Errorf("%v outcomes, %d eligible messages were sent", got, eligible)
	}
	// The same flow and MTU within the window is a duplicate.
	if got := len(broadcasts(labtest.Fence(t, l.Servers[0], "eth0", there))); got != len(copies) {
		t.Errorf("%d frames on the wire, want %d: one for each eligible flow and MTU", got, len(copies))
	}
	// The kernel drops the first two; the rules pass over what is for no VIP
	// (see TestOperatorsRules for rules that do not).
	blocked := []classify.Verdict{classify.NotIP, classify.Truncated, classify.ForeignVIP}
	for v := range classify.Verdicts() {
		if passed[v] == slices.Contains(blocked, v) {
			t.Errorf("verdict %v came through: %v", v, passed[v])
		}
	}
	checkLaws(t, l.Servers[0])
}
