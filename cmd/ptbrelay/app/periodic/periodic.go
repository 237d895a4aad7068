// Package periodic does a thing again and again.
package periodic

import (
	"context"
	"time"
)

// Run calls f once an interval until the context ends.
func Run(ctx context.Context, interval time.Duration, f func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f()
		}
	}
}
