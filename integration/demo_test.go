package integration

import (
	"strings"
	"testing"

	"ptbrelay/integration/labtest"
)

// The demo, as its user runs it, enters namespaces of its own, shows the black
// hole and its end.
func TestDemo(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, transport := range []string{"broadcast", "udp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			runDemo(t, "--transport", transport, "--clients", "16")
		})
	}
}

func runDemo(t *testing.T, args ...string) {
	t.Helper()
	outside := labtest.Node(t, "outside")
	p := labtest.Start(t, outside, append([]string{"demo"}, args...)...)
	code, err := p.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	log := p.Log()
	if code != 0 {
		t.Fatalf("exit code %d:\n%s", code, log)
	}
	for _, want := range []string{
		"Without ptbrelay", "With ptbrelay on every server", "IPv4", "IPv6",
		"downloads stalled without ptbrelay, none with it.",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in:\n%s", want, log)
		}
	}
	nothingLeft(t, outside)
}
