package integration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"ptbrelay/integration/labtest"
)

// tab is one of a browser. Whatever it complains of while it is open fails the
// test, and so does a request to anywhere but the address that it was opened at.
type tab struct {
	t   testing.TB
	ctx context.Context

	mu         sync.Mutex // guards what follows: events come on another goroutine
	complaints []string
	requested  []string
}

// tab opens an empty one until the test ends.
func (b browser) tab(t testing.TB) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	p := &tab{t: t, ctx: ctx}
	t.Cleanup(func() {
		if t.Failed() {
			text, err := try[string](p, `document.body.innerText`)
			t.Logf("the page (%v):\n%s", err, text)
		}
		cancel()
	})
	if err := chromedp.Listen(ctx, p.heard); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	return p
}

// heard takes down what the browser reports. It must not wait.
func (p *tab) heard(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	complain := func(format string, args ...any) {
		if c := fmt.Sprintf(format, args...); !slices.Contains(p.complaints, c) {
			p.complaints = append(p.complaints, c)
		}
	}
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requested = append(p.requested, e.Request.URL)
	case *network.EventLoadingFailed:
		complain("request failed: %s %s", e.ErrorText, e.BlockedReason)
	case *runtime.EventExceptionThrown:
		complain("exception: %s: %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception)
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
			complain("console: %s: %+v", e.Type, e.Args)
		}
	case *log.EventEntryAdded: // what breaks the content security policy, too
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			complain("log: %s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	}
}

// complained returns what the tab complained of since it was last asked.
func (p *tab) complained() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.complaints
	p.complaints = nil
	return c
}

// requests are the URLs that were asked for so far.
func (p *tab) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requested)
}

// open loads a page, and checks when the test ends that the tab was content all
// the time and asked for nothing else.
func (p *tab) open(url string) {
	p.t.Helper()
	p.t.Cleanup(func() {
		for _, c := range p.complained() {
			p.t.Errorf("the browser complains: %s", c)
		}
		for _, r := range p.requests() {
			if r != url && !strings.HasPrefix(r, "data:") {
				p.t.Errorf("the page asks for %s", r)
			}
		}
	})
	p.do(chromedp.Navigate(url))
}

// do takes steps one after the other.
func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, actionWithin)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// call is one command of the DevTools protocol.
func call[P, R any](p *tab, c cdp.Command[P, R], params P) (result R) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, actionWithin)
	defer cancel()
	result, err := chromedp.Run(ctx, func(ctx context.Context, t *chromedp.Target) (R, error) {
		return cdp.Call(ctx, t, c, params)
	})
	if err != nil {
		p.t.Fatalf("%s: %v", c.Method, err)
	}
	return result
}

// evaluate is the value of a JavaScript expression in the page.
func evaluate[T any](p *tab, expression string) T {
	p.t.Helper()
	value, err := try[T](p, expression)
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// try is evaluate for use within [labtest.Eventually].
func try[T any](p *tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, actionWithin)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// await waits until an expression is true. [chromedp.Poll] would need eval, which
// the page's policy forbids.
func (p *tab) await(within time.Duration, what, expression string) {
	p.t.Helper()
	labtest.Eventually(p.t, within, what, func() error {
		holds, err := try[bool](p, expression)
		if err == nil && !holds {
			err = errors.New("it is not so")
		}
		return err
	})
}

// before has a script run in the tab's documents before any of their own.
func (p *tab) before(script string) {
	p.t.Helper()
	call(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
}
