package integration

import (
	"testing"

	"ptbrelay/integration/lab"
)

// Servers with jumbo frames learn the Internet's usual MTU, which a host of
// that MTU refuses as too large to teach anything.
func TestHealsJumboHosts(t *testing.T) {
	o := lab.Options{PathMTU: 1500, SegmentMTU: 9000, ClientMTU: 9000}
	healed(t, o, blackHole(t, o))
}
