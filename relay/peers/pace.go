package peers

import "time"

// pace is how fast things go.
type pace struct {
	// lookup bounds one question to DNS.
	lookup time.Duration
	// retry is the wait after the first failure of DNS; it doubles up to the
	// refresh.
	retry time.Duration
	// reread is how often a file is read though nothing was heard of it.
	reread time.Duration
	// settle and longest are those of a burst of events.
	settle, longest time.Duration
}

var usual = pace{
	lookup:  5 * time.Second,
	retry:   time.Second,
	reread:  30 * time.Second,
	settle:  100 * time.Millisecond,
	longest: time.Second,
}
