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

// template is a whole frame with right checksums, of which some fields change.
type template struct {
	frame []byte
	layout
}

// layout says where in a frame things are, in bytes from its start.
type layout struct {
	router, client int // what is drawn of the addresses
	length         int // how much of them that is
	ports          int // of the quote
	sums           []checksum
}

// checksum is one Internet checksum and what it covers.
type checksum struct {
	at, from, to int    // to 0: to the frame's end
	more         uint32 // to be added: protocol and length of ICMPv6's pseudo-header
}

// Ethernet, then IPv4 (RFC 791) or IPv6 (RFC 8200), ICMP's 8 bytes, and the
// same IP header again in the quote. What is drawn is the last three bytes of
// an IPv4 address and the third and fourth two of an IPv6 address: each is a
// router or client of its own to ptbrelay, which looks at a /64.
var (
	layout4 = layout{
		router: 14 + 12 + 1, client: 42 + 16 + 1, length: 3, ports: 62,
		sums: []checksum{{at: 14 + 10, from: 14, to: 34}, {at: 42 + 10, from: 42, to: 62}, {at: 34 + 2, from: 34}},
	}
	layout6 = layout{
		router: 14 + 8 + 4, client: 62 + 24 + 4, length: 4, ports: 102,
		sums: []checksum{{at: 54 + 2, from: 14 + 8, more: 58 + 8 + 40 + 8}},
	}
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
	for _, s := range t.sums {
		s.fix(frame)
	}
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

// fix computes the checksum (RFC 1071) of an even number of bytes, among which
// its own two are.
func (s checksum) fix(frame []byte) {
	binary.BigEndian.PutUint16(frame[s.at:], 0)
	binary.BigEndian.PutUint16(frame[s.at:], ^s.of(frame))
}

func (s checksum) of(frame []byte) uint16 {
	if s.to > 0 {
		frame = frame[:s.to]
	}
	total := s.more
	for b := frame[s.from:]; len(b) > 1; b = b[2:] {
		total += uint32(b[0])<<8 | uint32(b[1])
	}
	for total>>16 != 0 {
		total = total&0xffff + total>>16
	}
	return uint16(total)
}

// A forged PTB is right in every checksum, numbers make flows, and what is to
// stay the same does.
func TestForgedPTBsAreRight(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	f := newForger(t, l, forgery{router: l.ISPAddr, number: func(n int) int { return n / 2 }}, 0, 1)
	flows, servers := make(map[classify.Flow]int), make(map[[6]byte]int)
	const frames = 4000
	for n := range frames {
		frame := f.fill(n, nil)
		servers[[6]byte(frame)]++
		for _, s := range f.templateOf(n / 2).sums {
			if got := s.of(frame); got != 0xffff {
				t.Errorf("frame %d: what is to add up to ffff from byte %d on adds up to %x", n, s.from, got)
			}
		}
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
