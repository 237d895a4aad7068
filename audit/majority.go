package audit

import "math"

// majority finds the value that more than half of the votes are for, in two words
// (Boyer, Moore: MJRTY, 1981). Where there is no such value it is any of them.
type majority struct {
	value uint32
	lead  uint32
}

func (m *majority) vote(value uint32) {
	switch {
	case m.lead == 0:
		m.value, m.lead = value, 1
	case m.value != value:
		m.lead--
	case m.lead < math.MaxUint32:
		m.lead++
	}
}
