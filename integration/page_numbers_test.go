package integration

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/google/go-cmp/cmp"

	"ptbrelay/audit/check"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// elsewhere are the metrics that the page tells by words and pictures, or not at all.
var elsewhere = regexp.MustCompile(`^(go|process)_|^ptbrelay_(build_info|paused|config_reload|relay_latency|next_hop_mtu_bytes_(bucket|sum))`)

// restless are those that change while no PTB comes.
var restless = regexp.MustCompile(`^ptbrelay_datagrams_total\{.*type="(probe|receipt)"`)

// Every number on the page is that of /metrics at the same moment.
func testPageNumbers(t *testing.T, b browser, s *browsed) {
	before := atRest(t, s.server)
	p := b.tab(t)
	p.open(s.url)
	page := p.metrics()
	after := metricsOf(t, s.server)
	for series, texts := range page {
		for _, text := range texts {
			n, err := strconv.ParseUint(text, 10, 64)
			if v, ok := before[series]; err != nil || !ok || float64(n) < v || float64(n) > after[series] {
				t.Errorf("%s is %q on the page, %v before, %v afterwards", series, text, v, after[series])
			}
		}
	}
	counted := 0
	for series, value := range before {
		if elsewhere.MatchString(series) {
			continue
		}
		if len(page[series]) == 0 {
			t.Errorf("%s, which is %v, is not on the page", series, value)
		}
		if value > 0 {
			counted++
		}
	}
	const some = 30
	if counted < some {
		t.Errorf("%d numbers on the page are not 0, want %d at least", counted, some)
	}
	s.checkStates(p)
	s.checkFindings(p, before)
}

// atRest is what a server counts when nothing but probes comes any more.
func atRest(t testing.TB, server *lab.Node) (m map[string]float64) {
	t.Helper()
	counted := func() map[string]float64 {
		m = metricsOf(t, server)
		counts := maps.Clone(m)
		maps.DeleteFunc(counts, func(series string, _ float64) bool {
			return elsewhere.MatchString(series) || restless.MatchString(series)
		})
		return counts
	}
	labtest.Eventually(t, 5*time.Second, "the counts of "+server.Name()+" rest", func() error {
		if diff := cmp.Diff(counted(), counted()); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
	return m
}

// metrics are the numbers on the page by series, as they are written there.
func (p *tab) metrics() map[string][]string {
	p.t.Helper()
	m := make(map[string][]string)
	for _, e := range evaluate[[][2]string](p, `[...document.querySelectorAll("[data-metric]")].map(e => [e.dataset.metric, e.textContent.trim()])`) {
		m[e[0]] = append(m[e[0]], e[1])
	}
	return m
}

// isMetric is the expression that a number on the page is this.
func isMetric(series string, value float64) string {
	return fmt.Sprintf(`document.querySelector("[data-metric=" + CSS.escape(%q) + "]").textContent.trim() === "%v"`, series, value)
}

// stateWord is the expression of a state word.
func stateWord(name string) string {
	return fmt.Sprintf(`document.querySelector("[data-state='%s']").textContent.trim()`, name)
}

// isState is the expression that a state word is this.
func isState(name, word string) string { return fmt.Sprintf(`%s === %q`, stateWord(name), word) }

// checkStates checks what the page says of a group that runs, and its peers.
func (s *browsed) checkStates(p *tab) {
	p.t.Helper()
	for name, want := range map[string]string{
		"capturing": "yes", "paused": "no", "dry-run": "no", "transport": "udp", "config": "good",
	} {
		if got := evaluate[string](p, stateWord(name)); got != want {
			p.t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"version", "uptime"} {
		if evaluate[string](p, stateWord(name)) == "" {
			p.t.Errorf("no %s", name)
		}
	}
	want := map[string]string{silentPeer: "down"}
	for i := range s.Servers[1:] {
		want["["+s.ServerAddr(lab.IPv6, i+1).String()+"]:7690"] = "up"
	}
	got := evaluate[map[string]string](p, `Object.fromEntries([...document.querySelectorAll("[data-peer]")]
		.map(e => [e.dataset.peer, e.querySelector("[data-state=peer]").textContent.trim()]))`)
	if diff := cmp.Diff(want, got); diff != "" {
		p.t.Errorf("peers, -want +page:\n%s", diff)
	}
}

// checkFindings checks that the page names as many as the metric counts.
func (s *browsed) checkFindings(p *tab, metrics map[string]float64) {
	p.t.Helper()
	want := withName(metrics, "audit_findings")
	maps.DeleteFunc(want, func(series string, n float64) bool {
		return n == 0 || strings.Contains(series, fmt.Sprintf("severity=%q", check.OK))
	})
	got := make(map[string]float64)
	for _, f := range evaluate[[][2]string](p, `[...document.querySelectorAll("[data-finding]")].map(e => [e.dataset.finding, e.dataset.severity])`) {
		got[findingMetric(f[0], check.Severity(f[1]))]++
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
		p.t.Errorf("%d findings, -metrics +page:\n%s", len(got), diff)
	}
}

// No address of a router or client that the daemon has heard of is in the document,
// though others are.
func testPagePrivate(t *testing.T, b browser, s *browsed) {
	p := b.tab(t)
	p.open(s.url)
	document := evaluate[string](p, `document.documentElement.outerHTML`)
	if !strings.Contains(document, s.ServerAddr(lab.IPv6, 1).String()) {
		t.Error("the address of a peer is not seen")
	}
	heard := make(map[netip.Addr]bool)
	for _, packet := range s.packets {
		m, ok := lab.ParsePTB(lab.Frame{Data: labtest.FrameTo(t, s.Lab, 0, packet.Bytes())})
		if !ok {
			t.Fatalf("no PTB: %+v", packet)
		}
		heard[m.Router], heard[m.Flow.Client.Addr()] = true, true
	}
	for a := range heard {
		if strings.Contains(document, a.String()) {
			t.Errorf("%v is in the document", a)
		}
	}
}

// Without script the page says the same, and is loaded anew every 10 s.
func testPageWithoutScript(t *testing.T, b browser, s *browsed) {
	scripted, p := b.tab(t), b.tab(t)
	scripted.open(s.url)
	call(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	p.open(s.url)
	series := func(p *tab) map[string]int {
		n := make(map[string]int)
		for series, texts := range p.metrics() {
			n[series] = len(texts)
		}
		return n
	}
	if diff := cmp.Diff(series(scripted), series(p)); diff != "" {
		t.Errorf("numbers, -with +without script:\n%s", diff)
	}
	s.checkStates(p)
	s.checkFindings(p, metricsOf(t, s.server))
	const again = `document.querySelector("meta[http-equiv=refresh]")`
	if got := evaluate[string](p, again+`?.content ?? ""`); got != "10" {
		t.Errorf("refreshed every %q s, want 10", got)
	}
	if evaluate[bool](scripted, again+` !== null`) {
		t.Error("with script the document is loaded anew, too")
	}
	if n := evaluate[int](p, `document.querySelectorAll("svg[role=img]").length`); n == 0 {
		t.Error("no pictures")
	}
}

// A script that is not the page's own does not run in it.
func testPagePolicy(t *testing.T, b browser, s *browsed) {
	p := b.tab(t)
	p.open(s.url)
	evaluate[*bool](p, `{
		const script = document.createElement("script")
		script.textContent = "window.foreign = true"
		document.body.append(script)
		null
	}`)
	if evaluate[bool](p, `window.foreign === true`) {
		t.Error("it ran")
	}
	labtest.Eventually(t, actionWithin, "the browser says why", func() error {
		if c := p.complained(); len(c) != 1 || !strings.Contains(c[0], "Content Security Policy") {
			return fmt.Errorf("it complains of %q", c)
		}
		return nil
	})
}
