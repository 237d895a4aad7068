package transport

import "sync/atomic"

// Datagrams counts what came in over udp, by type and by what became of it. Each
// datagram counts once. A probe that was opened but got no receipt, because there
// were too many, counts as [Limited].
type Datagrams [NumTypes][NumDatagramResults]uint64

// datagramCounts is Datagrams for writers on several goroutines.
type datagramCounts [NumTypes][NumDatagramResults]atomic.Uint64

func (c *datagramCounts) add(t Type, r DatagramResult) { c[t][r].Add(1) }

func (c *datagramCounts) read() (d Datagrams) {
	for t := range c {
		for r := range c[t] {
			d[t][r] = c[t][r].Load()
		}
	}
	return d
}
