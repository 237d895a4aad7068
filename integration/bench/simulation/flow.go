package simulation

import (
	"math/rand/v2"
	"net/netip"
)

// How a Linux sender meets a black hole: its initial window goes out at once,
// then a tail loss probe, then one segment at each retransmission timeout,
// which doubles. Each of them is too big, and the router answers it. In the lab
// PTBs were seen to come 0, 5, 213, 633, 1465 and 3120 ms after the first.
const (
	window   = 10                // segments, RFC 6928
	spacing  = millisecond / 100 // between the segments of a burst, as at 1 Gb/s
	probeLag = 2 * millisecond   // that a tail loss probe waits beyond two round trips, TCP_TIMEOUT_MIN_US
	minRTO   = 200 * millisecond // tcp_rto_min
	maxRTT   = 100 * millisecond // up to it the timeout is minRTO and a round trip
	// jitter is by how much the round trips of one flow differ, below the delay of
	// a tail loss probe. Timers and budgets go by whole milliseconds: without it a
	// flow would find the bucket in one and the same state each time it comes back.
	jitter = 2 * millisecond
)

// flow is a TCP connection that sends into the black hole until it is healed.
type flow struct {
	client  netip.AddrPort
	rtt     int64 // ns to the router and back at least, below maxRTT
	random  *rand.Rand
	way     int64 // ns that the next segment's round trip takes
	sent    int   // segments before the next one
	clock   int64 // ns, when that leaves
	start   int64 // ns, when the first PTB came
	healed  bool
	healing int64 // ns from start to the copy that healed it
}

func newFlow(client netip.AddrPort, leaves, rtt int64, random *rand.Rand) *flow {
	f := &flow{client: client, rtt: rtt, random: random}
	f.leaveAt(leaves)
	f.start = f.at()
	return f
}

// leaveAt has the next segment leave then, on a round trip of its own.
func (f *flow) leaveAt(clock int64) {
	f.clock, f.way = clock, f.rtt+f.random.Int64N(jitter)
}

// at is when the PTB about the next segment comes.
func (f *flow) at() int64 { return f.clock + f.way }

// advance moves on to the next segment. After the one sample of the handshake
// the retransmission timeout is a round trip and minRTO (tcp_input.c,
// tcp_rtt_estimator); the tail loss probe starts it again (tcp_output.c,
// tcp_send_loss_probe).
func (f *flow) advance() {
	f.sent++
	switch rto := minRTO + f.rtt; {
	case f.sent < window:
		f.clock += spacing
	case f.sent == window:
		f.leaveAt(expiry(f.clock, min(2*f.rtt+probeLag, rto)))
	default:
		f.leaveAt(expiry(f.clock, rto<<(f.sent-window-1)))
	}
}

// silent tells whether the next segment will never be sent: what heals a flow
// comes too late to stop the burst.
func (f *flow) silent() bool { return f.healed && f.sent >= window }

// heal notes that the owner has got a copy.
func (f *flow) heal(now int64) {
	if !f.healed {
		f.healed, f.healing = true, now-f.start
	}
}
