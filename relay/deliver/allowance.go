package deliver

import "time"

// allowance is so many in each second, which begins with the first of them; they
// may all come at once.
type allowance struct {
	most  int
	used  int
	begin int64 // nanoseconds
}

// has tells whether there is one left; now is in nanoseconds.
func (a *allowance) has(now int64) bool {
	if now-a.begin >= int64(time.Second) {
		a.begin, a.used = now, 0
	}
	return a.used < a.most
}

// take takes one, if there is one left.
func (a *allowance) take(now int64) bool {
	if !a.has(now) {
		return false
	}
	a.used++
	return true
}
