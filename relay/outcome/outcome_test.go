package outcome_test

import (
	"testing"

	"ptbrelay/relay/outcome"
)

// The names are metric labels that dashboards and alerts rely on.
func TestNames(t *testing.T) {
	want := []string{
		"relayed", "dry-run", "paused", "duplicate", "limited-client", "limited-router",
		"limited-node", "deferred", "queue-full", "no-peers", "send-failed",
	}
	if len(want) != int(outcome.NumOutcomes) {
		t.Fatalf("%d names for %d outcomes", len(want), outcome.NumOutcomes)
	}
	for i, name := range want {
		if got := outcome.Outcome(i).String(); got != name {
			t.Errorf("outcome %d is called %q, want %q", i, got, name)
		}
	}
	if got := outcome.NumOutcomes.String(); got != "invalid" {
		t.Errorf("an outcome out of range is called %q", got)
	}
}

func TestDeliveryNames(t *testing.T) {
	want := []string{
		"injected", "dry-run", "paused", "duplicate", "limited-peer", "limited-delivery",
		"not-local", "not-owned", "inject-failed",
	}
	if len(want) != int(outcome.NumDeliveries) {
		t.Fatalf("%d names for %d deliveries", len(want), outcome.NumDeliveries)
	}
	for i, name := range want {
		if got := outcome.Delivery(i).String(); got != name {
			t.Errorf("delivery %d is called %q, want %q", i, got, name)
		}
	}
	if got := outcome.NumDeliveries.String(); got != "invalid" {
		t.Errorf("a delivery out of range is called %q", got)
	}
}
