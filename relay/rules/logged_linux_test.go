package rules

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/capture"
)

// logged is what the kernel logged to one group.
type logged struct {
	mu      sync.Mutex
	packets [][]byte
}

// hear reads a group on a host until the test ends.
func hear(t *testing.T, n *lab.Node, group uint16) *logged {
	t.Helper()
	var source *capture.NFLOG
	on(t, n, func() (err error) {
		source, err = capture.OpenNFLOG(capture.NFLOGConfig{Group: group, Buffer: 1 << 20})
		return err
	})
	l := new(logged)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- source.Run(ctx, l.take) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if s := source.Stats(); s != (capture.Stats{}) {
			t.Errorf("group %d lost %+v", group, s)
		}
		if err := source.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *logged) take(_ time.Time, batch []capture.Packet) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range batch {
		l.packets = append(l.packets, bytes.Clone(p.Data))
	}
}

func (l *logged) all() [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.packets)
}

// await waits until so many packets are logged, or more.
func (l *logged) await(t *testing.T, n int) {
	t.Helper()
	labtest.Eventually(t, 5*time.Second, fmt.Sprintf("%d packets are logged", n), func() error {
		if got := len(l.all()); got < n {
			return fmt.Errorf("%d", got)
		}
		return nil
	})
}

// awaitPacket waits until a packet is logged.
func (l *logged) awaitPacket(t *testing.T, packet []byte) {
	t.Helper()
	labtest.Eventually(t, 5*time.Second, fmt.Sprintf("%x is logged", packet), func() error {
		if all := l.all(); !slices.ContainsFunc(all, func(p []byte) bool { return string(p) == string(packet) }) {
			return fmt.Errorf("%d packets are", len(all))
		}
		return nil
	})
}
