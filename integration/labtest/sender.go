//go:build linux

package labtest

import (
	"testing"

	"ptbrelay/integration/lab"
)

// Sender opens a sender on a node's interface until the test ends.
func Sender(t testing.TB, n *lab.Node, iface string) *lab.Sender {
	t.Helper()
	s, err := n.Sender(iface)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
