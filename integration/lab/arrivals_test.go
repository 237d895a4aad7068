//go:build linux

package lab_test

import (
	"fmt"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Only PTBs in frames to the host itself, from outside, are counted.
func TestCountArrivals(t *testing.T) {
	for _, shape := range []lab.Shape{lab.ShapeSegment, lab.ShapeRouted} {
		t.Run(shape.String(), func(t *testing.T) {
			countArrivals(t, labtest.New(t, lab.Options{Shape: shape, Clients: 1, Servers: 2}))
		})
	}
}

func countArrivals(t *testing.T, l *lab.Lab) {
	const i = 1
	server := l.Servers[i]
	arrivals, err := server.CountArrivals()
	if err != nil {
		t.Fatal(err)
	}
	four, six := classifytest.PTB{}, classifytest.PTB{Family: classify.IPv6}
	for _, other := range []classifytest.PTB{{Code: new(uint8(3))}, {Family: classify.IPv6, Type: new(uint8(1))}} {
		labtest.FromRouter(t, l, i, other.Bytes())
	}
	for _, ptb := range []classifytest.PTB{four, six} {
		broadcast := labtest.FrameTo(t, l, i, ptb.Bytes())
		copy(broadcast, labtest.Broadcast[:])
		if err := l.Router.SendFrame(l.RouterInterface(i), broadcast); err != nil {
			t.Fatal(err)
		}
		if err := server.SendFrame("lo", labtest.FrameTo(t, l, i, ptb.Bytes())); err != nil {
			t.Fatal(err)
		}
		labtest.FromRouter(t, l, i, ptb.Bytes())
	}
	count := func(want uint64) {
		t.Helper()
		labtest.Eventually(t, 5*time.Second, "the PTBs are counted", func() error {
			n, err := arrivals.Read()
			if err == nil && n != want {
				err = fmt.Errorf("%d, want %d", n, want)
			}
			return err
		})
	}
	count(2)
	labtest.FromRouter(t, l, i, four.Bytes())
	count(3)
}
