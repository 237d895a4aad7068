package integration

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/transport"
)

// hostile is a kind of datagram that must be refused: how, by its labels.
type hostile struct {
	name, kind, result string
	make               func() []byte
}

const (
	// volley is how many datagrams of a kind each sender sends at once: few enough
	// for the smallest receive buffer, and for the budget of attempts.
	volley = 16
	// volleys of each kind are sent between two looks at the daemon's memory: enough
	// that what keeps a session's state for each datagram shows.
	volleys = 2
)

// Whatever comes from those without the key, or a second time, is counted as what
// it is, changes nothing and is not answered; the peer is heard all along.
func TestHostileDatagrams(t *testing.T) {
	o := newOutpost(t)
	o.believes(0)
	labtest.FromRouter(t, o.lab, 0, o.ptb(lab.IPv4, 0)) // it leaves for the peer
	kinds := o.hostiles()
	o.volley(kinds) // touches what is allocated and was never used
	before := stateOf(t, o.server, o.relays[0])

	for range volleys {
		o.volley(kinds)
	}
	o.exhaust()
	o.checkNothingInjected()
	checkState(t, o.server, o.relays[0], before)
	o.checkNothingAnswered()
	o.believes(1)
	checkLaws(t, o.server)
}

// hostiles are all kinds, made of what a tap has recorded and of what whoever
// knows the format can write.
func (o *outpost) hostiles() []hostile {
	t := o.t
	copied := awaitSealed(t, o.wire, lab.PacketHost, transport.TypePTB)
	probe := awaitSealed(t, o.wire, lab.PacketHost, transport.TypeProbe)
	receipt := awaitSealed(t, o.wire, lab.PacketHost, transport.TypeReceipt)
	own := awaitSealed(t, o.wire, lab.PacketOutgoing, transport.TypePTB)
	ptb := o.ptb(lab.IPv4, 2)
	insider, foreign, twin := newSession(t, labtest.Key(0)), newSession(t, labtest.Key(9)), newSession(t, keyWithID(t, labtest.Key(0)))

	// again is a recorded datagram.
	again := func(recorded []byte) func() []byte { return func() []byte { return recorded } }
	// by seals with a session, after edit has made its header wrong.
	by := func(s *session, kind transport.Type, payload []byte, edit func(header []byte)) func() []byte {
		return func() []byte {
			h := s.header(kind, 0, time.Now())
			edit(h)
			return s.seal(nil, h, payload)
		}
	}
	right := func([]byte) {}
	at := func(move func(now time.Time) time.Time) func(header []byte) {
		return func(h []byte) {
			binary.BigEndian.PutUint64(h[labtest.EnvelopeMillis:], uint64(move(time.Now()).UnixMilli()))
		}
	}
	// forged is the recorded copy of the peer's session, with edits.
	forged := func(edit func(datagram []byte)) func() []byte {
		return func() []byte {
			d := slices.Clone(copied)
			edit(d)
			return d
		}
	}
	return []hostile{
		{"zero length", "unknown", "bad-size", again(nil)},
		{"half a header", "unknown", "bad-size", again(copied[:labtest.EnvelopeHeader-1])},
		{"a header without a tag", "ptb", "bad-size", again(copied[:labtest.EnvelopeHeader+labtest.EnvelopeTag-1])},
		{"a PTB of no bytes", "ptb", "bad-size", by(insider, transport.TypePTB, nil, right)},
		{"a PTB too long", "ptb", "bad-size", by(insider, transport.TypePTB, make([]byte, transport.MaxPacket+1), right)},
		{"fragments", "probe", "bad-size", by(insider, transport.TypeProbe, make([]byte, 4000), right)},
		{"version 0", "unknown", "bad-version", by(insider, transport.TypePTB, ptb, func(h []byte) { h[0] = 0 })},
		{"version 2", "unknown", "bad-version", by(insider, transport.TypePTB, ptb, func(h []byte) { h[0] = 2 })},
		{"type 0", "unknown", "bad-type", by(insider, 0, ptb, right)},
		{"type 4", "pass-on", "bad-type", by(insider, 4, ptb, right)},
		{"type 200", "unknown", "bad-type", by(insider, 200, ptb, right)},
		{"own, reflected", "ptb", "self", again(own)},
		{"own session, forged", "receipt", "self", by(insider, transport.TypeReceipt, ptb, func(h []byte) {
			copy(h[labtest.EnvelopeSession:], own[labtest.EnvelopeSession:labtest.EnvelopeCounter])
		})},
		{"older than the tolerance", "ptb", "stale", by(insider, transport.TypePTB, ptb, at(func(now time.Time) time.Time { return now.Add(-31 * time.Second) }))},
		{"newer than the tolerance", "ptb", "stale", by(insider, transport.TypePTB, ptb, at(func(now time.Time) time.Time { return now.Add(35 * time.Second) }))},
		{"from before the start", "ptb", "stale", by(insider, transport.TypePTB, ptb, at(func(time.Time) time.Time { return o.began }))},
		{"from no time", "probe", "stale", by(insider, transport.TypeProbe, ptb, func(h []byte) { clear(h[labtest.EnvelopeMillis:]) })},
		{"from the end of time", "ptb", "stale", by(insider, transport.TypePTB, ptb, func(h []byte) {
			binary.BigEndian.PutUint64(h[labtest.EnvelopeMillis:], 1<<64-1)
		})},
		{"sealed with a key of another id", "ptb", "unauthenticated", by(foreign, transport.TypePTB, ptb, right)},
		{"sealed with a key of the same id", "ptb", "unauthenticated", by(twin, transport.TypePTB, ptb, right)},
		{"made up", "probe", "unauthenticated", func() []byte {
			h := insider.header(transport.TypeProbe, 0, time.Now())
			_, _ = rand.Read(h[labtest.EnvelopeSession:labtest.EnvelopeCounter]) // never fails
			return append(h, make([]byte, len(ptb))...)
		}},
		{"made up in a known session", "ptb", "unauthenticated", forged(func(d []byte) {
			binary.BigEndian.PutUint64(d[labtest.EnvelopeCounter:], 1<<62)
			clear(d[labtest.EnvelopeHeader:])
		})},
		{"counted up", "ptb", "unauthenticated", forged(func(d []byte) { d[labtest.EnvelopeCounter+6]++ })},
		{"made younger", "ptb", "unauthenticated", forged(func(d []byte) {
			sealed := d[labtest.EnvelopeMillis:]
			binary.BigEndian.PutUint64(sealed, binary.BigEndian.Uint64(sealed)+1)
		})},
		{"turned into a receipt", "receipt", "unauthenticated", forged(func(d []byte) { d[labtest.EnvelopeType] = byte(transport.TypeReceipt) })},
		{"one bit flipped", "ptb", "unauthenticated", forged(func(d []byte) { d[labtest.EnvelopeHeader+5] ^= 1 })},
		{"its reserved byte set", "ptb", "unauthenticated", forged(func(d []byte) { d[2] = 1 })},
		{"a copy again", "ptb", "replayed", again(copied)},
		{"a probe again", "probe", "replayed", again(probe)},
		{"a receipt again", "receipt", "replayed", again(receipt)},
	}
}

// volley has the peer's address and the stranger send some of each kind, and
// checks that every datagram ends as it must.
func (o *outpost) volley(kinds []hostile) {
	o.t.Helper()
	m := metricsOf(o.t, o.server)
	before := refused(m)
	for _, k := range kinds {
		metric := datagramMetric(k.kind, k.result)
		for _, from := range []net.Conn{o.peer, o.stranger} {
			for range volley {
				o.send(from, k.make())
			}
		}
		m[metric] += 2 * volley
		labtest.Eventually(o.t, 5*time.Second, k.name+": all are "+metric, func() error {
			now, err := labtest.TryMetrics(o.t.Context(), o.server, labtest.MetricsURL)
			if err == nil && now[metric] != m[metric] {
				err = fmt.Errorf("%v, want %v", now[metric], m[metric])
			}
			return err
		})
	}
	if n := refused(metricsOf(o.t, o.server)) - before; n != float64(2*volley*len(kinds)) {
		o.t.Errorf("%v datagrams were refused, %d sent", n, 2*volley*len(kinds))
	}
}

// refused is how many datagrams a daemon did not open.
func refused(m map[string]float64) float64 {
	return sum(m, "ptbrelay_datagrams_total") - sum(m, `ptbrelay_datagrams_total{result="opened"`)
}

func (o *outpost) send(from net.Conn, datagram []byte) {
	o.t.Helper()
	if _, err := from.Write(datagram); err != nil {
		o.t.Fatal(err)
	}
}

// sendAs sends from an address and port that somebody else holds.
func (o *outpost) sendAs(from netip.AddrPort, frame labtest.UDPFrame, datagram []byte) {
	o.t.Helper()
	if err := o.lab.Router.SendFrame(o.lab.RouterInterface(0), frame.Put(nil, from, datagram)); err != nil {
		o.t.Fatal(err)
	}
}

// exhaust has the stranger make up ever new sessions, more than the daemon tries.
// Those that the peer begins meanwhile are opened all the same.
func (o *outpost) exhaust() {
	o.t.Helper()
	const (
		rate     = 2500 // of the stranger, a second; 1000 are tried
		turned   = 2000 // away before the peer begins: what is kept of each tried would show
		sessions = 8    // of the peer
	)
	from := o.stranger.LocalAddr().(*net.UDPAddr).AddrPort()
	frame := labtest.NewUDPFrame(o.t, o.lab, 0, udpPort)
	insider := newSession(o.t, labtest.Key(0))
	flood := labtest.StartFloodToward(o.t, o.lab, 0, lab.Stream{Rate: rate, Count: 20 * rate, Fill: func(_ int, buf []byte) []byte {
		made := append(insider.header(transport.TypeReceipt, 0, time.Now()), make([]byte, labtest.EnvelopeTag)...)
		_, _ = rand.Read(made[labtest.EnvelopeSession:labtest.EnvelopeCounter]) // never fails
		return frame.Put(buf, from, made)
	}})
	labtest.Eventually(o.t, 10*time.Second, "the daemon tries no more sessions of the stranger", func() error {
		if n := metricsOf(o.t, o.server)[datagramMetric("receipt", "limited")]; n < turned {
			return fmt.Errorf("%v were turned away", n)
		}
		return nil
	})
	before := o.judgedPTBs()
	peer := netip.AddrPortFrom(o.lab.ServerAddr(lab.IPv4, 1), udpPort)
	for range sessions {
		s := newSession(o.t, labtest.Key(0))
		o.sendAs(peer, frame, s.seal(nil, s.header(transport.TypePTB, 0, time.Now()), []byte("no PTB")))
	}
	labtest.Eventually(o.t, 5*time.Second, "the peer's sessions are judged", func() error {
		if n := o.judgedPTBs() - before; n < sessions {
			return fmt.Errorf("%v of %v", n, sessions)
		}
		return nil
	})
	flood.Stop()
	if n := metricsOf(o.t, o.server)[datagramMetric("ptb", "limited")]; n != 0 {
		o.t.Errorf("a stranger kept %v of %v sessions of the peer out", n, sessions)
	}
}

// judgedPTBs counts the datagrams of PTBs that the daemon took or limited, and all
// that the kernel had no room for.
func (o *outpost) judgedPTBs() float64 {
	o.t.Helper()
	kernel, err := o.server.Counters()
	if err != nil {
		o.t.Fatal(err)
	}
	m := metricsOf(o.t, o.server)
	return m[datagramMetric("ptb", "opened")] + m[datagramMetric("ptb", "limited")] + float64(kernel["UdpRcvbufErrors"])
}

// checkNothingAnswered fails the test unless all that the outpost has sent is its
// one copy, its probes, and a receipt for every probe that was opened.
func (o *outpost) checkNothingAnswered() {
	o.t.Helper()
	stranger := o.lab.ClientAddr(lab.IPv4, 0)
	counts := make(map[transport.Type]int)
	frames := labtest.Fence(o.t, o.server, "eth0", o.wire)
	for _, f := range frames {
		d, ok := parseDatagram(f)
		if ok && f.Type == lab.PacketOutgoing {
			counts[d.kind]++
		}
	}
	for _, f := range toward(frames, stranger) {
		if f.Type == lab.PacketOutgoing {
			o.t.Fatalf("the stranger is answered: %x", f.Data)
		}
	}
	for _, f := range toward(frames, o.lab.ServerAddr(lab.IPv4, 1)) {
		if d, ok := parseDatagram(f); f.Type == lab.PacketOutgoing && (!ok || d.from.Port() != udpPort || d.to.Port() != udpPort) {
			o.t.Fatalf("the peer is answered otherwise than by its daemon: %x", f.Data)
		}
	}
	opened := int(metricsOf(o.t, o.server)[datagramMetric("probe", "opened")])
	if counts[transport.TypePTB] != 1 || counts[transport.TypeReceipt] != opened || counts[transport.TypeProbe] == 0 {
		o.t.Errorf("sent %v, want one PTB, probes, and %d receipts", counts, opened)
	}
}

// After a restart the windows are gone: what was recorded before is refused for
// its time, whoever sends it, and what the peer seals now is not.
func TestReplayAfterRestart(t *testing.T) {
	o := newOutpost(t)
	o.believes(0)
	copied := awaitSealed(t, o.wire, lab.PacketHost, transport.TypePTB)
	probe := awaitSealed(t, o.wire, lab.PacketHost, transport.TypeProbe)
	labtest.Stop(t, o.relays[0])
	o.relays[0] = labtest.StartUDPRelay(t, o.server, labtest.Peers(o.lab, lab.IPv4)...)
	for _, from := range []net.Conn{o.peer, o.stranger} {
		o.send(from, copied)
		o.send(from, probe)
	}
	await(t, o.server, datagramMetric("ptb", "stale"), 2)
	await(t, o.server, datagramMetric("probe", "stale"), 2)
	if n := sum(metricsOf(t, o.server), "ptbrelay_received_total"); n != 0 {
		t.Errorf("%v messages received of what was recorded", n)
	}
	o.believes(1)
	checkLaws(t, o.server)
}
