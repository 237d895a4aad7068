package config

// CopiesPerSecond returns the most copies that this server may send in a
// second, bursts aside: each PTB that the node bucket lets out goes to every
// one of the targets. Those are the peers, or with transport broadcast the
// interfaces.
func (l Limits) CopiesPerSecond(targets int) int64 {
	return int64(l.Node) * int64(targets)
}
