package integration

import (
	"bytes"
	"compress/gzip"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"ptbrelay/audit"
	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

// kind is packets that are alike.
type kind struct {
	count   int
	family  classify.Family
	verdict string       // of a PTB
	value   uint32       // next-hop MTU of a PTB, MSS of a SYN; 0: neither
	prefix  netip.Prefix // of the outer source
	by      byte         // the neighbour that they came in by
	packet  []byte
}

// traffic is what an edge captures in the end.
type traffic struct{ ptbs, syns, others []kind }

// share is a value and how many of a thousand have it.
type share struct {
	value    uint32
	thousand int
}

// What clients of a large edge say (see the shares that [published] asks for), and
// what routers toward them do.
var (
	offered = map[classify.Family][]share{
		classify.IPv4: {{1460, 470}, {1452, 120}, {1440, 100}, {1430, 80}, {1412, 70}, {1400, 40}, {1380, 18}, {1360, 42}, {1300, 30}, {1240, 20}, {536, 10}},
		classify.IPv6: {{1440, 540}, {1432, 110}, {1420, 90}, {1410, 60}, {1390, 47}, {1362, 30}, {1360, 25}, {1350, 17}, {1340, 13}, {1300, 30}, {1220, 38}},
	}
	reported = map[classify.Family][]share{
		classify.IPv4: {{1500, 30}, {1492, 300}, {1480, 100}, {1450, 200}, {1400, 250}, {1280, 100}, {500, 20}},
		classify.IPv6: {{9000, 10}, {1480, 100}, {1280, 850}, {1000, 40}},
	}
)

// published are shares of connections that would never need discovery with an MTU.
var published = []struct {
	family classify.Family
	mtu    uint32
	share  float64
}{
	{classify.IPv4, 1500, 0.470}, {classify.IPv4, 1492, 0.590}, {classify.IPv4, 1420, 0.898},
	{classify.IPv6, 1500, 0.540}, {classify.IPv6, 1422, 0.877}, {classify.IPv6, 1400, 0.932},
}

// Packets of each family.
const (
	someSYNs  = 20_000
	somePTBs  = 20_000
	someOther = 10_000
)

// sources are the networks that packets come from, of a thousand, and by which
// neighbours: those of several come by them in turns.
var sources = map[classify.Family][]struct {
	prefix   string
	thousand int
	by       []byte
}{
	classify.IPv4: {{"198.51.100.0/24", 600, []byte{1}}, {"203.0.113.0/24", 300, []byte{1, 2}}, {"198.18.7.0/24", 100, []byte{3}}},
	classify.IPv6: {{"2001:db8:a::/48", 500, []byte{2}}, {"2001:db8:b::/48", 400, []byte{3}}, {"2001:db8:c::/48", 100, []byte{3, 1}}},
}

// edgeTraffic is SYNs, PTBs, and packets that are neither.
func edgeTraffic() (all traffic) {
	for _, f := range []classify.Family{classify.IPv4, classify.IPv6} {
		each(f, someSYNs, offered[f], func(k kind, from netip.Addr) {
			k.packet = classifytest.SYN{Family: f, Client: from, MSS: uint16(k.value)}.Bytes()
			all.syns = append(all.syns, k)
		})
		each(f, somePTBs, reported[f], func(k kind, from netip.Addr) {
			k.packet = classifytest.PTB{Family: f, Router: from, MTU: classify.MTU(k.value)}.Bytes()
			k.verdict = verdictOf(f, k.value)
			all.ptbs = append(all.ptbs, k)
		})
		synACK := classifytest.SYN{Family: f, Flags: new(uint8(0x12))}
		data := classifytest.SYN{Family: f, Flags: new(uint8(0x18)), Payload: make([]byte, 30)}
		echo := classifytest.PTB{Family: f, Type: new(uint8(0)), Code: new(uint8(0))}
		for _, packet := range [][]byte{synACK.Bytes(), data.Bytes(), echo.Bytes(), fragment(f)} {
			all.others = append(all.others, kind{count: someOther / 4, family: f, by: 4, packet: packet})
		}
	}
	return all
}

// each calls add for every value from every network by every neighbour, with how
// many there are of a family.
func each(f classify.Family, whole int, values []share, add func(k kind, from netip.Addr)) {
	for _, v := range values {
		for _, s := range sources[f] {
			prefix := netip.MustParsePrefix(s.prefix)
			for _, by := range s.by {
				count := whole * v.thousand / 1000 * s.thousand / 1000 / len(s.by)
				add(kind{count: count, family: f, value: v.value, prefix: prefix, by: by}, prefix.Addr().Next())
			}
		}
	}
}

// verdictOf is that of a right PTB where the limit is 1500.
func verdictOf(f classify.Family, mtu uint32) string {
	switch {
	case f == classify.IPv4 && mtu < 576, f == classify.IPv6 && mtu < 1280:
		return "mtu-too-small"
	case mtu >= 1500:
		return "mtu-too-large"
	}
	return "eligible"
}

// fragment is a later piece of a datagram of UDP.
func fragment(f classify.Family) []byte {
	s := classifytest.SYN{Family: f, Upper: classify.UDP, FragmentOffset: 100}
	if f == classify.IPv6 {
		s.Extensions = []classifytest.Extension{classifytest.Fragment(100, false)}
	}
	return s.Bytes()
}

// frame is a packet on the wire.
func (k kind) frame() []byte {
	return slices.Concat(serverMAC, neighbour(k.by), etherType(k.packet), k.packet)
}

// neighbour is the address of one on the link.
func neighbour(number byte) []byte { return []byte{0x02, 0, 0x5e, 0, 2, number} }

// order is the frames of all packets, each kind spread over the capture, the same
// each time.
func (all traffic) order() (frames [][]byte) {
	for _, k := range slices.Concat(all.ptbs, all.syns, all.others) {
		frames = append(frames, slices.Repeat([][]byte{k.frame()}, k.count)...)
	}
	r := rand.New(rand.NewPCG(1, 2))
	r.Shuffle(len(frames), func(i, j int) { frames[i], frames[j] = frames[j], frames[i] })
	return frames
}

// apart is the time from one frame to the next.
const apart = 500 * time.Microsecond

func pcapOf(t *testing.T, frames [][]byte) []byte {
	t.Helper()
	f := newCapture(t, layers.LinkTypeEthernet)
	for i, frame := range frames {
		f.add(noon.Add(time.Duration(i)*apart), frame)
	}
	return f.buffer.Bytes()
}

func pcapngOf(t testing.TB, frames [][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := pcapgo.NewNgWriter(&b, layers.LinkTypeEthernet)
	for i := 0; err == nil && i < len(frames); i++ {
		err = w.WritePacket(captured(noon.Add(time.Duration(i)*apart), frames[i]), frames[i])
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipOf(t testing.TB, file []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err == nil {
		_, err = z.Write(file)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// counted sums up kinds by what of tells; what it tells nothing of is left out.
func counted[K comparable](kinds []kind, of func(kind) (K, bool)) map[K]uint64 {
	counts := make(map[K]uint64)
	for _, k := range kinds {
		if key, ok := of(k); ok {
			counts[key] += uint64(k.count)
		}
	}
	return counts
}

func sumOf(kinds []kind) (n uint64) {
	for _, k := range kinds {
		n += uint64(k.count)
	}
	return n
}

// byValue is a distribution of a family.
func byValue(kinds []kind, f classify.Family) map[uint32]uint64 {
	return counted(kinds, func(k kind) (uint32, bool) { return k.value, k.family == f })
}

// valueCounts are those of a report.
func valueCounts(v audit.Values) map[uint32]uint64 {
	counts := make(map[uint32]uint64)
	for _, c := range v.Counts {
		counts[c.Bytes] += c.Count
	}
	return counts
}
