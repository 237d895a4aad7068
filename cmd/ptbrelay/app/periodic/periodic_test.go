package periodic

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// It is called once an interval, first when one has passed, and not after the end.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		begun := time.Now()
		var at []time.Duration
		Run(ctx, time.Second, func() { at = append(at, time.Since(begun)) })
		if len(at) != 3 || at[0] != time.Second || at[2] != 3*time.Second {
			t.Errorf("called at %v", at)
		}
	})
}
