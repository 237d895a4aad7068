package transport

import "testing"

// The labels of metrics are what dashboards name.
func TestLabels(t *testing.T) {
	for i, want := range []string{"unknown", "ptb", "probe", "receipt", "pass-on", "unknown"} {
		if got := Type(i).String(); got != want {
			t.Errorf("type %d is %q, want %q", i, got, want)
		}
	}
	want := []string{"opened", "unauthenticated", "replayed", "stale", "bad-version", "bad-type", "bad-size", "self", "limited"}
	if len(want) != NumDatagramResults {
		t.Errorf("%d results, want %d", NumDatagramResults, len(want))
	}
	for i, want := range append(want, "invalid") {
		if got := DatagramResult(i).String(); got != want {
			t.Errorf("result %d is %q, want %q", i, got, want)
		}
	}
}
