package integration

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/labtest"
)

// hurry has the page wait a twentieth of what it asks for, in ms.
func (p *tab) hurry() {
	p.t.Helper()
	p.before(`{
		const {setTimeout} = window
		window.asked = []
		window.setTimeout = (f, ms, ...args) => {
			window.asked.push(ms)
			return setTimeout(f, ms / 20, ...args)
		}
	}`)
}

// The numbers follow in place, and leave the reader alone: what was scrolled to,
// opened and focused stays so. A refresh is due every 5 s.
func testPageRefresh(t *testing.T, b browser, s *browsed) {
	p := b.tab(t)
	p.hurry()
	p.widen(phone)
	p.open(s.url)
	const reader = `(() => {
		const focused = document.activeElement
		return {
			same: window.same === true, y: window.scrollY, focused: focused.tagName + " " + focused.textContent,
			opened: [...document.querySelectorAll("details")].map(e => e.open),
		}
	})()`
	type looks struct {
		Same    bool
		Y       float64
		Focused string
		Opened  []bool
	}
	evaluate[bool](p, `window.same = true`)
	evaluate[*bool](p, `document.querySelector("details:not([open]) > summary").focus({preventScroll: true}), null`)
	p.do(chromedp.KeyEvent(kb.Enter))
	evaluate[*bool](p, `window.scrollTo(0, 300), null`)
	before := evaluate[looks](p, reader)
	if !strings.HasPrefix(before.Focused, "SUMMARY ") || !slices.Contains(before.Opened, true) || before.Y != 300 {
		t.Fatalf("nothing is opened by the keyboard and scrolled to: %+v", before)
	}

	counted := verdictMetric("ipv4", classify.Eligible)
	next := metricsOf(t, s.server)[counted] + 1
	labtest.FromRouter(t, s.Lab, 0, classifytest.PTB{ClientPort: 44500}.Bytes())
	p.await(actionWithin, "the page follows", isMetric(counted, next))
	if diff := cmp.Diff(before, evaluate[looks](p, reader)); diff != "" {
		t.Errorf("the refresh, -before +after:\n%s", diff)
	}
	if asked := evaluate[[]float64](p, `window.asked`); slices.Max(asked) != 5000 || slices.Min(asked) != 5000 {
		t.Errorf("a refresh after %v ms, want 5000", asked)
	}
}

// What an operator does shows at the next refresh.
func testPageStates(t *testing.T, b browser, s *browsed) {
	p := b.tab(t)
	p.hurry()
	p.widen(desk)
	p.open(s.url)
	shows := func(name, word string) {
		t.Helper()
		p.await(actionWithin, name+" is "+word, isState(name, word))
	}
	obeyed(t, s.Servers[:1], saysPaused, "pause")
	shows("paused", "yes")
	p.picture("paused")
	obeyed(t, s.Servers[:1], saysResumed, "resume")
	shows("paused", "no")

	writeFile(t, s.config, browsedConfig+"relay: {dry_run: true}\n")
	shows("dry-run", "yes")
	writeFile(t, s.config, "relay: {dry_run: perhaps}\n")
	shows("config", "refused")
	shows("dry-run", "yes") // the old one is in force
	p.picture("refused")
	writeFile(t, s.config, browsedConfig)
	shows("config", "good")
	shows("dry-run", "no")
}

// isStale is the expression that the page says so.
const isStale = `(e => !!e && e.checkVisibility() && e.textContent.trim() !== "")(document.querySelector("[data-state=stale]"))`

// While the daemon is away the page says that its numbers are old, and keeps them;
// it goes on by itself when the daemon is back.
func testPageStale(t *testing.T, b browser, s *browsed) {
	p := b.tab(t)
	p.hurry()
	p.widen(desk)
	p.open(s.url)
	if evaluate[bool](p, isStale) {
		t.Error("stale from the beginning")
	}
	last := atRest(t, s.server)
	labtest.Stop(t, s.relays[0])
	p.await(actionWithin, "the page says that it is stale", isStale)
	p.picture("stale")
	kept := p.shown().numbers
	for series, n := range kept {
		if !restless.MatchString(series) && n != last[series] {
			t.Errorf("%s is %v when stale, %v before", series, n, last[series])
		}
	}
	tries := len(p.requests())
	labtest.Eventually(t, actionWithin, "the page goes on trying", func() error {
		if len(p.requests()) < tries+3 {
			return errNotYet
		}
		return nil
	})
	if diff := cmp.Diff(kept, p.shown().numbers); diff != "" {
		t.Errorf("the numbers do not stay:\n%s", diff)
	}

	s.relays[0] = labtest.StartUDPRelay(t, s.server, s.args...)
	p.await(actionWithin, "the page goes on", `!`+isStale)
	p.await(actionWithin, "the numbers are of the new daemon", isMetric(verdictMetric("ipv4", classify.Eligible), 0))
	for _, c := range p.complained() {
		if !strings.Contains(c, "net::ERR_") {
			t.Errorf("the browser complains: %s", c)
		}
	}
}
