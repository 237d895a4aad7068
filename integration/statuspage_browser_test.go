package integration

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const (
	// browserWithin bounds all that a browser does for a test.
	browserWithin = 2 * time.Minute
	// actionWithin bounds one step in it, and a refresh in a tab that hurries.
	actionWithin = 10 * time.Second
)

// browser is a Chromium without a window, in the network namespace of the tests,
// where there is nothing but loopback.
type browser struct{ ctx context.Context }

// startBrowser runs it until the test ends.
func startBrowser(t testing.TB) browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(requireProgram(t, "chromium")),
		chromedp.NoSandbox, // the tests are root in their user namespace
		chromedp.Flag("disable-gpu", true),
		chromedp.Env("HOME="+t.TempDir()), // the user's own may not be writable
	)
	bounded, cancel := context.WithTimeout(context.Background(), browserWithin)
	allocated, release := chromedp.NewExecAllocator(bounded, options...)
	ctx, abandon := chromedp.NewContext(allocated)
	t.Cleanup(func() {
		defer cancel()
		defer release() // waits until the processes are gone
		defer abandon()
		closing, done := context.WithTimeout(ctx, actionWithin)
		defer done()
		if err := chromedp.Cancel(closing); err != nil {
			t.Errorf("close the browser: %v", err)
		}
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start a browser: %v", err)
	}
	return browser{ctx}
}
