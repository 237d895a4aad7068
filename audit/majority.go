package audit

import "math"

// majority finds the value that more than half of the votes are for, in a few words
// (Boyer, Moore: MJRTY, 1981). By themselves its candidate may be any value, so the
// votes that were certainly for it are counted.
type majority struct {
	value uint32
	lead  uint32
	seen  uint64 // votes for value since it became the candidate: no more than there were
	votes uint64
}

func (m *majority) vote(value uint32) {
	m.votes++
	switch {
	case m.lead == 0:
		m.value, m.lead, m.seen = value, 1, 1
	case m.value != value:
		m.lead--
	default:
		m.seen++
		if m.lead < math.MaxUint32 {
			m.lead++
		}
	}
}

// won is the value that more than half of the votes were for, as far as is proven; 0:
// none is.
func (m *majority) won() uint32 {
	if 2*m.seen > m.votes {
		return m.value
	}
	return 0
}
