//go:build linux

package labtest

import (
	"testing"
	"time"
)

// pollEvery is the pace of Eventually and Quiet.
const pollEvery = 5 * time.Millisecond

// longestQuiet bounds what a test may wait for nothing.
const longestQuiet = time.Second

// Eventually polls condition until it returns nil and fails the test with its
// last error when that took longer than within.
func Eventually(t testing.TB, within time.Duration, what string, condition func() error) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not within %v: %v", what, within, err)
		}
	}
}

// Quiet polls condition for d, at most a second, and fails the test as soon as
// it returns an error. It is for absence without any order to prove it by;
// where there is one, use [Fence].
func Quiet(t testing.TB, d time.Duration, what string, condition func() error) {
	t.Helper()
	if d > longestQuiet {
		t.Fatalf("quiet for %v, at most %v", d, longestQuiet)
	}
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if err := condition(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return
		}
	}
}
