package bench

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/config"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/transport"
)

// noIntakeLimits turns off what [noLimits] leaves on: the limits of what peers send.
const noIntakeLimits = `
relay:
  limits: {peer: 100000000, peer_burst: 100000000, deliver: 100000000, deliver_burst: 100000000}
`

// arena is a peer that gets PTBs and a server that gets its sealed copies, on links
// of their own, and forged datagrams from the router.
type arena struct {
	lab            *lab.Lab
	peer, stranger netip.AddrPort
	server         *lab.Node
	daemon         *lab.Process // the server's
	sender         *lab.Sender  // toward the peer
	ptbs           *numbered
	next           uint32 // number of the next PTB; none is used twice
	frame          labtest.UDPFrame
	recorded       []byte // a sealed copy
}

func newArena(b *testing.B) *arena {
	b.Helper()
	l := labtest.New(b, lab.Options{Shape: lab.ShapeRouted, Clients: 1, Servers: 2})
	port := config.Default().UDP.Port
	a := &arena{
		lab:      l,
		peer:     netip.AddrPortFrom(l.ServerAddr(lab.IPv4, 0), port),
		stranger: netip.AddrPortFrom(l.ClientAddr(lab.IPv4, 0), port),
		server:   l.Servers[1],
		daemon:   labtest.UDPRelays(b, l, lab.IPv4, "--config", configFile(b, noIntakeLimits))[1],
		sender:   labtest.Sender(b, l.Router, l.RouterInterface(0)),
		ptbs:     newNumbered(classify.IPv4, labtest.FrameTo(b, l, 0, classifytest.PTB{QuoteBytes: 28}.Bytes())),
		next:     1 << 16,
		frame:    labtest.NewUDPFrame(b, l, 1, port),
	}
	a.record(b, port)
	return a
}

// record has the peer relay a PTB and keeps the copy that comes in at the server.
func (a *arena) record(b *testing.B, port uint16) {
	b.Helper()
	const envelope = 14 + 20 + 8 // behind Ethernet, IPv4 and UDP
	tap, err := a.server.Tap("eth0", lab.TapOptions{UDPPorts: []uint16{port}, Types: []lab.PacketType{lab.PacketHost}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = tap.Close() }() // it would take time from what is measured
	a.send(b, 1)
	_, err = tap.Wait(b.Context(), func(frames []lab.Frame) bool {
		for _, f := range frames {
			if transport.Type(f.Data[envelope+labtest.EnvelopeType]) == transport.TypePTB {
				a.recorded = f.Data[envelope:]
			}
		}
		return a.recorded != nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// send has the router send the peer PTBs, each about a flow of its own.
func (a *arena) send(b *testing.B, count int) {
	b.Helper()
	_, err := a.sender.Stream(b.Context(), lab.Stream{Rate: sealedRate, Count: count, Fill: func(_ int, buf []byte) []byte {
		a.next++
		return a.ptbs.put(buf, a.next, 0)
	}})
	if err != nil {
		b.Fatal(err)
	}
}

// exchange is what a server made of a number of datagrams. Adding up makes one of
// several.
type exchange struct {
	judged, delivered float64       // sealed PTBs that the daemon got, and gave to its kernel
	forged            float64       // forged datagrams that it got
	overrun           float64       // datagrams that found the socket's buffer full
	took              time.Duration // the sending
	cpu               time.Duration // of the daemon
}

func (x *exchange) add(y exchange) {
	x.judged += y.judged
	x.delivered += y.delivered
	x.forged += y.forged
	x.overrun += y.overrun
	x.took += y.took
	x.cpu += y.cpu
}

// exchange has the peer relay PTBs, while the router sends forged datagrams if
// there are any.
func (a *arena) exchange(b *testing.B, forge func(n int, buf []byte) []byte) (x exchange) {
	b.Helper()
	before := a.counts(b)
	used, begin := labtest.ProcessorTime(b, a.daemon), time.Now()
	if forge != nil {
		flood := labtest.StartFloodToward(b, a.lab, 1, lab.Stream{Rate: forgedRate, Count: forgedMost, Fill: forge})
		a.send(b, sealedPart)
		flood.Stop()
	} else {
		a.send(b, sealedPart)
	}
	x.took = time.Since(begin)
	a.rest(b)
	x.cpu = labtest.ProcessorTime(b, a.daemon) - used // before it is asked again
	after := a.counts(b)
	x.judged, x.delivered = after.judged-before.judged, after.delivered-before.delivered
	x.forged, x.overrun = after.forged-before.forged, after.overrun-before.overrun
	return x
}

// rest waits until the daemon reads no more, without asking it.
func (a *arena) rest(b *testing.B) {
	b.Helper()
	const looks = 4
	last, alike := uint64(0), 0
	labtest.Eventually(b, 10*time.Second, "the server is at rest", func() error {
		now := a.kernel(b)["UdpInDatagrams"] // that were read
		if alike++; now != last {
			last, alike = now, 0
		}
		if alike < looks {
			return errors.New("datagrams were read just now")
		}
		return nil
	})
}

func (a *arena) kernel(b *testing.B) map[string]uint64 {
	b.Helper()
	counters, err := a.server.Counters()
	if err != nil {
		b.Fatal(err)
	}
	return counters
}

// counts is what has been counted on the server so far.
func (a *arena) counts(b *testing.B) (x exchange) {
	b.Helper()
	m := labtest.Metrics(b, a.server, labtest.MetricsURL)
	for result := range transport.NumDatagramResults {
		of := func(t transport.Type) float64 {
			return m[`ptbrelay_datagrams_total{result="`+transport.DatagramResult(result).String()+`",type="`+t.String()+`"}`]
		}
		x.judged += of(transport.TypePTB)
		if transport.DatagramResult(result) != transport.Opened { // those are the peer's own
			x.forged += of(transport.TypeReceipt)
		}
	}
	x.delivered = m[`ptbrelay_deliveries_total{family="ipv4",outcome="injected"}`]
	x.overrun = float64(a.kernel(b)["UdpRcvbufErrors"])
	return x
}
