package replay

import "time"

// longest bounds the time of a replay: far more than captures last, and far
// less than what nanoseconds can count.
const longest = 100 * 365 * 24 * time.Hour

// clock turns the times of a file's packets into those of a relay that was
// made when the first of them came. Files merged from several have times that
// jump back; for the relay time stands still then, as its tables demand.
type clock struct {
	begun time.Time // when the relay was made
	first time.Time // time of the first packet
	since time.Duration
}

// at is the relay's time of a packet that was captured then.
func (c *clock) at(captured time.Time) time.Time {
	if c.first.IsZero() {
		c.first = captured
	}
	c.since = min(max(c.since, captured.Sub(c.first)), longest)
	return c.begun.Add(c.since)
}
