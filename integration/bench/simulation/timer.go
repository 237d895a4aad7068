package simulation

// tick is the kernel's, at 250 Hz.
const tick = 4 * millisecond

// expiry is when a Linux timer set now for a delay runs out. The further away,
// the coarser the wheel that it waits on: ticks up to a quarter of a second,
// then 8, from two seconds on 64 (kernel/time/timer.c, calc_wheel_index). So the
// later retransmissions of flows that started together come in batches.
func expiry(now, delay int64) int64 {
	ticks := (delay + tick - 1) / tick
	expires := now/tick + ticks
	shift := 0
	for ticks >= 63<<shift {
		shift += 3
	}
	return (expires>>shift + 1) << shift * tick
}
