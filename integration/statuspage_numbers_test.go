package integration

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/google/go-cmp/cmp"

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
	page := p.shown()
	if err := page.differs(before, metricsOf(t, s.server)); err != nil {
		t.Error(err)
	}
	counted := 0
	for series, value := range before {
		if elsewhere.MatchString(series) {
			continue
		}
		if _, ok := page.numbers[series]; !ok {
			t.Errorf("%s, which is %v, is not on the page", series, value)
		}
		if value > 0 {
			counted++
		}
	}
	const some = 30
	if counted < some || len(page.findings) == 0 {
		t.Errorf("%d numbers on the page are not 0, want %d at least; %d findings", counted, some, len(page.findings))
	}
	s.checkStates(t, page)
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

// document is the page as it stands.
func (p *tab) document() string {
	p.t.Helper()
	return evaluate[string](p, `document.documentElement.outerHTML`)
}

// shown is what the page says.
func (p *tab) shown() shown {
	p.t.Helper()
	page, err := readPage(p.document())
	if err != nil {
		p.t.Fatal(err)
	}
	return page
}

// isMetric is the expression that a number on the page is this.
func isMetric(series string, value float64) string {
	return fmt.Sprintf(`document.querySelector("[data-metric=" + CSS.escape(%q) + "]").textContent.trim() === "%v"`, series, value)
}

// isState is the expression that a state word is this.
func isState(name, word string) string {
	return fmt.Sprintf(`document.querySelector("[data-state='%s']").textContent.trim() === %q`, name, word)
}

// checkStates checks what the page says of a group that runs, and its peers.
func (s *browsed) checkStates(t testing.TB, page shown) {
	t.Helper()
	for name, want := range map[string]string{
		"capturing": "yes", "paused": "no", "dry-run": "no", "transport": "udp", "config": "good",
	} {
		if got := page.states[name]; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"version", "uptime"} {
		if page.states[name] == "" {
			t.Errorf("no %s", name)
		}
	}
	want := map[string]string{silentPeer: "down"}
	for i := range s.Servers[1:] {
		want["["+s.ServerAddr(lab.IPv6, i+1).String()+"]:7690"] = "up"
	}
	if diff := cmp.Diff(want, page.peers); diff != "" {
		t.Errorf("peers, -want +page:\n%s", diff)
	}
}

// No address of a router or client that the daemon has heard of is in the document,
// though others are.
func testPagePrivate(t *testing.T, b browser, s *browsed) {
	p := b.tab(t)
	p.open(s.url)
	document := p.document()
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
	before := metricsOf(t, s.server)
	p.open(s.url)
	page := p.shown()
	if err := page.differs(before, metricsOf(t, s.server)); err != nil {
		t.Error(err)
	}
	series := func(m map[string]float64) []string { return slices.Sorted(maps.Keys(m)) }
	if diff := cmp.Diff(series(scripted.shown().numbers), series(page.numbers)); diff != "" {
		t.Errorf("numbers, -with +without script:\n%s", diff)
	}
	s.checkStates(t, page)
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
