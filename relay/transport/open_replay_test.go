package transport

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// postOffice is a receiver, and senders whose clocks are wrong by less than the
// tolerance. Each may be restarted at any time.
type postOffice struct {
	now     time.Time
	senders []poster
	posts   []posted

	receiver *opener
	started  time.Time
	taken    map[postID]bool    // opened since the receiver's start
	last     map[session]uint64 // largest counter of them
	ever     map[postID]bool    // opened since the beginning
}

type poster struct {
	*sealer
	skew time.Duration
}

type postID struct {
	session session
	counter uint64
}

// posted is one datagram that was sealed: anybody may deliver it, any number of
// times, to the end of days.
type posted struct {
	postID
	bytes []byte
	at    time.Time // by the sender's clock
	skew  time.Duration
}

func newPostOffice(t *rapid.T) *postOffice {
	p := &postOffice{now: testStart, ever: make(map[postID]bool)}
	for range rapid.IntRange(1, 3).Draw(t, "senders") {
		skew := time.Duration(rapid.IntRange(-29_000, 29_000).Draw(t, "skew in ms")) * time.Millisecond
		p.senders = append(p.senders, poster{newSealer(testKey(1)), skew})
	}
	p.restartReceiver()
	return p
}

func (p *postOffice) anySender(t *rapid.T) *poster {
	return &p.senders[rapid.IntRange(0, len(p.senders)-1).Draw(t, "sender")]
}

func (p *postOffice) restartReceiver() {
	p.now = p.now.Add(time.Millisecond) // no process is born in the millisecond in which it died
	p.receiver, p.started = newOpener(Keys{testKey(1)}, testTolerance, p.now), p.now
	p.taken, p.last = make(map[postID]bool), make(map[session]uint64)
}

// seal posts datagrams, after a gap in the counter that may push others out of the
// window.
func (p *postOffice) seal(t *rapid.T) {
	s := p.anySender(t)
	s.next.Add(rapid.SampledFrom([]uint64{0, 0, 0, 63, 64, 4000, 8128}).Draw(t, "counters left out"))
	for range rapid.SampledFrom([]int{1, 1, 2, 5, 300}).Draw(t, "datagrams") {
		at := p.now.Add(s.skew)
		sealed, counter := s.seal(nil, TypePTB, []byte{0x45}, at)
		p.posts = append(p.posts, posted{postID: postID{s.session, counter}, bytes: sealed, at: at, skew: s.skew})
	}
}

// want is what must become of a datagram that arrives now.
func (p *postOffice) want(d posted) DatagramResult {
	const window = 8128
	switch {
	case d.at.After(p.now.Add(testTolerance)), d.at.Before(p.now.Add(-testTolerance)), d.at.Before(p.started):
		return Stale
	case p.taken[d.postID], d.counter+window < p.last[d.session]:
		return Replayed
	}
	return Opened
}

func (p *postOffice) deliver(t *rapid.T) {
	if len(p.posts) == 0 {
		t.Skip("nothing was sealed yet")
	}
	d := p.posts[rapid.IntRange(0, len(p.posts)-1).Draw(t, "datagram")]
	want := p.want(d)
	got, _, result := p.receiver.open(nil, d.bytes, true, p.now)
	if result != want {
		t.Fatalf("counter %d: %v, want %v", d.counter, result, want)
	}
	if result != Opened {
		return
	}
	if got.session != d.session || got.counter != d.counter || got.millis != d.at.UnixMilli() {
		t.Fatalf("%+v, want %+v", got, d.postID)
	}
	if p.ever[d.postID] && d.skew <= 0 {
		t.Fatalf("counter %d was opened again by a receiver that was restarted", d.counter)
	}
	p.taken[d.postID], p.ever[d.postID] = true, true
	p.last[d.session] = max(p.last[d.session], d.counter)
}

// Each datagram opens at most once, however often, late and out of order it is
// delivered, with senders restarted and sessions forgotten meanwhile. Once more
// only by a receiver that was restarted, if the sender's clock is ahead of its.
func TestEachOpensOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPostOffice(t)
		t.Repeat(map[string]func(*rapid.T){
			"seal":    p.seal,
			"deliver": p.deliver,
			"deliver more": func(t *rapid.T) {
				for range 10 {
					p.deliver(t)
				}
			},
			"wait": func(t *rapid.T) {
				ms := rapid.SampledFrom([]int{1, 100, 1000, 29_999, 30_000, 30_001, 61_000}).Draw(t, "ms")
				p.now = p.now.Add(time.Duration(ms) * time.Millisecond)
			},
			"restart a sender":     func(t *rapid.T) { p.anySender(t).sealer = newSealer(testKey(1)) },
			"restart the receiver": func(*rapid.T) { p.restartReceiver() },
		})
	})
}
