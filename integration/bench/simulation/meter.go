package simulation

// meter finds the most events in any second.
type meter struct {
	times []int64 // of events less than a second old, ns
	most  int
}

func (m *meter) add(now int64) {
	old := 0
	for old < len(m.times) && m.times[old] <= now-second {
		old++
	}
	m.times = append(m.times[old:], now)
	m.most = max(m.most, len(m.times))
}
