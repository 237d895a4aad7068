package bench

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"testing"
	"time"

	"ptbrelay/integration/labtest"
	"ptbrelay/relay/transport"
)

const (
	forgedRate = 200_000 // datagrams a second, or as near to it as the machine sends
	forgedMost = 10 * forgedRate
	sealedRate = 1000 // PTBs a second that the peer relays meanwhile
	sealedPart = 500  // of them, in one exchange
)

// BenchmarkOneNodeForged measures what forged datagrams cost a server that gets
// sealed PTBs from a peer, by what the forger knows, and prints a table.
func BenchmarkOneNodeForged(b *testing.B) {
	var s summary
	a := newArena(b)
	for _, f := range []forgery{
		{name: "guessing", from: a.stranger, packet: 56},
		{name: "listening", from: a.peer, keyID: true, packet: 56},
		{name: "recording", from: a.peer, keyID: true, session: true, packet: transport.MaxPacket},
	} {
		b.Run(f.name, func(b *testing.B) { s.forged(b, a, f) })
	}
	if _, err := fmt.Fprint(os.Stdout, &s); err != nil {
		b.Fatal(err)
	}
}

// forged is what share of the sealed PTBs is delivered of those that the kernel had
// room for, and what a forged datagram costs the daemon. There is no floor.
func (s *summary) forged(b *testing.B, a *arena, f forgery) {
	var calm, flooded exchange
	for b.Loop() {
		calm.add(a.exchange(b, nil))
		flooded.add(a.exchange(b, a.forge(f)))
	}
	b.ReportMetric(0, "ns/op")
	if flooded.judged == 0 || flooded.forged == 0 {
		b.Fatalf("%v sealed PTBs and %v forged datagrams got through to the daemon", flooded.judged, flooded.forged)
	}
	if flooded.delivered != flooded.judged {
		b.Errorf("%v of %v sealed PTBs were delivered, want all", flooded.delivered, flooded.judged)
	}
	b.ReportMetric(flooded.forged/flooded.took.Seconds(), "forged/s")
	b.ReportMetric(100*flooded.overrun/(flooded.forged+flooded.judged+flooded.overrun), "overrun-%")
	s.add(b, "delivered-%", "100", 0, 100*flooded.delivered/flooded.judged)
	each := microseconds(calm.cpu) / calm.judged
	s.add(b, "cpu-µs/forged", "-", 0, (microseconds(flooded.cpu)-each*flooded.judged)/flooded.forged)
}

// forgery is a kind of forged datagrams: right in all that needs no key, and as a
// receipt, so that the daemon counts them apart.
type forgery struct {
	name    string
	from    netip.AddrPort
	keyID   bool // the right one; else any
	session bool // one that the daemon knows; else each another
	packet  int  // length of what it claims to carry, bytes
}

// forge is for [lab.Stream].
func (a *arena) forge(f forgery) func(n int, buf []byte) []byte {
	datagram := make([]byte, labtest.EnvelopeHeader+f.packet+labtest.EnvelopeTag)
	copy(datagram, a.recorded[:labtest.EnvelopeHeader])
	datagram[labtest.EnvelopeType] = byte(transport.TypeReceipt)
	return func(n int, buf []byte) []byte {
		if !f.keyID {
			datagram[labtest.EnvelopeKeyID] = byte(n)
		}
		if !f.session {
			binary.BigEndian.PutUint64(datagram[labtest.EnvelopeSession:], rand.Uint64())
			binary.BigEndian.PutUint64(datagram[labtest.EnvelopeSession+8:], rand.Uint64())
		}
		binary.BigEndian.PutUint64(datagram[labtest.EnvelopeCounter:], uint64(n)<<32)
		binary.BigEndian.PutUint64(datagram[labtest.EnvelopeMillis:], uint64(time.Now().UnixMilli()))
		return a.frame.Put(buf, f.from, datagram)
	}
}
