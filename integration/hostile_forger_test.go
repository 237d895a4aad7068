package integration

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// forgery says what PTBs a flood is made of. The zero value is that of a spoofer
// who knows nothing: every one by another router about another flow, half of
// them of each family.
type forgery struct {
	families       []lab.Family
	router, client func(lab.Family) netip.Addr // always the same; nil: drawn
	scattered      bool                        // in time too, see lab.Stream
	// number maps the n-th PTB, from 0, to the number from which all that is in
	// it follows, and to which server it goes; nil: to n. It is called in order.
	number func(n int) int
}

// forger makes the frames of a forgery, as many to each server in the long run,
// in random order, as from many senders.
type forger struct {
	forgery
	templates [][]template // by server and family
}

// template is a whole frame, of which some fields change.
type template struct {
	frame []byte
	layout
}

// layout says where in a frame things are, in bytes from its start.
type layout struct {
	router, client int // what is drawn of the addresses
	length         int // how much of them that is
	quote, ports   int // the quote, and its ports
}

// Ethernet, then IPv4 (RFC 791) or IPv6 (RFC 8200), ICMP's 8 bytes, and the
// same IP header again in the quote. What is drawn is the last three bytes of
// an IPv4 address and the third and fourth two of an IPv6 address: each is a
// router or client of its own to ptbrelay, which looks at a /64.
var (
	layout4 = layout{router: 14 + 12 + 1, client: 42 + 16 + 1, length: 3, quote: 42, ports: 62}
	layout6 = layout{router: 14 + 8 + 4, client: 62 + 24 + 4, length: 4, quote: 62, ports: 102}
)

func newForger(t testing.TB, l *lab.Lab, f forgery, servers ...int) *forger {
	t.Helper()
	if f.families == nil {
		f.families = lab.Families()
	}
	if f.number == nil {
		f.number = func(n int) int { return n }
	}
	forger := &forger{forgery: f}
	for _, server := range servers {
		var frames []template
		for _, family := range f.families {
			frames = append(frames, f.template(t, l, server, family))
		}
		forger.templates = append(forger.templates, frames)
	}
	return forger
}

func (f forgery) template(t testing.TB, l *lab.Lab, server int, family lab.Family) template {
	ptb := classifytest.PTB{
		Family: classify.IPv4,
		Router: netip.MustParseAddr("10.0.0.0"), Client: netip.MustParseAddr("10.0.0.0"),
	}
	where := layout4
	if family == lab.IPv6 {
		ptb = classifytest.PTB{
			Family: classify.IPv6,
			Router: netip.MustParseAddr("2001:db8::1"), Client: netip.MustParseAddr("2001:db8::1"),
		}
		where = layout6
	}
	if f.router != nil {
		ptb.Router = f.router(family)
	}
	if f.client != nil {
		ptb.Client = f.client(family)
	}
	return template{frame: labtest.FrameTo(t, l, server, ptb.Bytes()), layout: where}
}

// fill is for [lab.Stream].
func (f *forger) fill(n int, buf []byte) []byte {
	number := f.number(n)
	t := f.templateOf(number)
	frame := append(buf[:0], t.frame...)
	if f.router == nil {
		putLow(frame[t.router:][:t.length], draw(number, 1))
	}
	client := draw(number, 2)
	if f.client == nil {
		putLow(frame[t.client:][:t.length], client)
	}
	binary.BigEndian.PutUint32(frame[t.ports:], uint32(client>>32))
	classifytest.MendHeader(frame[t.quote:])
	classifytest.MendHeader(frame[14:])
	classifytest.MendICMP(frame[14:])
	return frame
}

func (f *forger) templateOf(number int) template {
	where := draw(number, 0)
	families := f.templates[where>>1%uint64(len(f.templates))]
	return families[where&1%uint64(len(families))]
}

// putLow writes the lower bytes of v.
func putLow(to []byte, v uint64) {
	for i := range to {
		to[i] = byte(v >> (8 * i))
	}
}

// draw is splitmix64 (Steele, Lea, Flood 2014), which looks random; of each
// number there are four, all different.
func draw(number, which int) uint64 {
	n := uint64(number)<<2 | uint64(which)
	n = (n + 1) * 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// A forged PTB is eligible, numbers make flows, and what is to stay the same
// does.
func TestForgedPTBsAreEligible(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	f := newForger(t, l, forgery{router: l.ISPAddr, number: func(n int) int { return n / 2 }}, 0, 1)
	flows, servers := make(map[classify.Flow]int), make(map[[6]byte]int)
	const frames = 4000
	for n := range frames {
		frame := f.fill(n, nil)
		servers[[6]byte(frame)]++
		m, verdict := new(classify.Decoder).Decode(frame[14:])
		if verdict != classify.Eligible {
			t.Fatalf("frame %d is %v", n, verdict)
		}
		if want := l.ISPAddr(lab.FamilyOf(m.Router)); m.Router != want {
			t.Errorf("frame %d is from router %v, want %v", n, m.Router, want)
		}
		flows[m.Flow]++
	}
	if len(flows) != frames/2 {
		t.Errorf("%d flows in %d frames, want each twice", len(flows), frames)
	}
	for _, server := range l.Servers {
		if n := servers[labtest.MAC(t, server, "eth0")]; n < frames*2/5 {
			t.Errorf("%s got %d frames of %d, want about half", server.Name(), n, frames)
		}
	}
}
