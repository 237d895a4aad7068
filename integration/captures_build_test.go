package integration

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

// noon is when the captures that are built begin.
var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// Addresses of the link layer: locally administered ones.
var (
	serverMAC = []byte{0x02, 0, 0x5e, 0, 1, 1}
	routerMAC = []byte{0x02, 0, 0x5e, 0, 1, 2}
)

// etherType is what the link layer says that a packet is, by its version nibble.
func etherType(packet []byte) []byte {
	if len(packet) > 0 && packet[0]>>4 == 6 {
		return []byte{0x86, 0xdd}
	}
	return []byte{0x08, 0x00}
}

// ethernet puts a packet into a frame from the router.
func ethernet(packet []byte) []byte {
	return slices.Concat(serverMAC, routerMAC, etherType(packet), packet)
}

// tagged is ethernet with a VLAN tag (802.1Q).
func tagged(packet []byte) []byte {
	return slices.Concat(serverMAC, routerMAC, []byte{0x81, 0, 0, 100}, etherType(packet), packet)
}

// cooked puts a packet behind a Linux cooked header, as of `tcpdump -i any`.
func cooked(packet []byte) []byte {
	header := []byte{0, 0, 0, 1, 0, 6} // to us, ARPHRD_ETHER, address of 6 bytes
	return slices.Concat(header, routerMAC, []byte{0, 0}, etherType(packet), packet)
}

// loopback puts a packet behind the family that BSD's null link layer has, in the
// byte order of the host.
func loopback(packet []byte) []byte {
	family := byte(2)
	if etherType(packet)[0] == 0x86 {
		family = 30
	}
	return slices.Concat([]byte{family, 0, 0, 0}, packet)
}

func raw(packet []byte) []byte { return packet }

// strangers are frames that carry no IP: ARP, LLDP, one that is cut.
func strangers() [][]byte {
	arp := slices.Concat(serverMAC, routerMAC, []byte{0x08, 0x06}, make([]byte, 28))
	lldp := slices.Concat(serverMAC, routerMAC, []byte{0x88, 0xcc}, make([]byte, 46))
	return [][]byte{arp, lldp, routerMAC}
}

// wires are the interfaces of garbage.pcapng, each with what it puts before a
// packet.
var wires = []struct {
	kind  layers.LinkType
	frame func(packet []byte) []byte
}{
	{layers.LinkTypeEthernet, ethernet},
	{layers.LinkTypeEthernet, tagged},
	{layers.LinkTypeLinuxSLL, cooked},
	{layers.LinkTypeRaw, raw},
	{layers.LinkTypeNull, loopback},
}

// buildGarbage is packets that are wrong in one way or in several, on wires of
// many types; the clock of one of them is behind.
func buildGarbage(t *testing.T) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := pcapgo.NewNgWriterInterface(&file, onLink(0), pcapgo.NgWriterOptions{
		SectionInfo: pcapgo.NgSectionInfo{Application: "ptbrelay's tests"},
	})
	for i := 1; err == nil && i < len(wires); i++ {
		_, err = w.AddInterface(onLink(i))
	}
	add := func(n, link int, frame []byte) {
		at := noon.Add(time.Duration(n) * 7 * time.Millisecond)
		if link == 2 {
			at = at.Add(-50 * time.Millisecond)
		}
		info := captured(at, frame)
		info.InterfaceIndex = link
		if err == nil {
			err = w.WritePacket(info, frame)
		}
	}
	frames := strangers()
	for n, frame := range frames {
		add(n, 0, frame)
	}
	for i, packet := range garbled() {
		link := i % len(wires)
		add(len(frames)+i, link, wires[link].frame(packet))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func onLink(i int) pcapgo.NgInterface {
	return pcapgo.NgInterface{Name: fmt.Sprintf("eth%d", i), LinkType: wires[i].kind, TimestampResolution: 9}
}

// garbled is the short packets of the corpus, at most two of each verdict and
// family, then mutated ones.
func garbled() (packets [][]byte) {
	const short = 128
	kinds := make(map[string]int)
	for _, c := range classifytest.Corpus() {
		kind := fmt.Sprint(c.Verdict, len(c.Packet) > 0 && c.Packet[0]>>4 == 6)
		if kinds[kind]++; kinds[kind] <= 2 && len(c.Packet) <= short {
			packets = append(packets, c.Packet)
		}
	}
	m := classifytest.NewMutator(1)
	for whole := len(packets) + 60; len(packets) < whole; {
		if p := m.Packet(); len(p) <= short && !namesAnybody(p) {
			packets = append(packets, p)
		}
	}
	return packets
}

// buildRouters is what routers of many makes send: see the README beside it.
func buildRouters(t *testing.T) []byte {
	t.Helper()
	file := newCapture(t, layers.LinkTypeLinuxSLL)
	at := noon
	send := func(after time.Duration, p classifytest.PTB) {
		at = at.Add(after)
		file.add(at, cooked(p.Bytes()))
	}
	for _, f := range []classify.Family{classify.IPv4, classify.IPv6} {
		for i, p := range makes(f) {
			p.Family, p.ClientPort = f, uint16(20000+i)
			send(3*time.Millisecond, p)
		}
		// A window of ten segments, then what retransmissions provoke.
		window := classifytest.PTB{Family: f, ClientPort: 30000}
		for range 10 {
			send(20*time.Microsecond, window)
		}
		for backoff := 200 * time.Millisecond; backoff < 4*time.Second; backoff *= 2 {
			send(backoff, window)
		}
	}
	// Many connections of one client meet a smaller path at once.
	for i := range 260 {
		send(30*time.Microsecond, classifytest.PTB{ClientPort: uint16(40000 + i)})
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(file.buffer.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// makes are PTBs as routers of different makes send them.
func makes(f classify.Family) []classifytest.PTB {
	most, gso := 548, uint16(7292) // 576 bytes in all, RFC 1812
	another := netip.MustParseAddr("198.51.100.2")
	if f == classify.IPv6 {
		most, gso = 1232, gso-40 // 1280 bytes in all, RFC 4443
		another = netip.MustParseAddr("2001:db8:a::2")
	}
	return []classifytest.PTB{
		{}, // IP header and 8 bytes, RFC 792
		{QuoteBytes: most, MTU: 1480},
		{ExtensionObjects: classifytest.MPLSLabel(), Router: another}, // RFC 4884, RFC 4950
		{QuoteBytes: most, QuoteLength: &gso},                         // the sender leaves segmentation to its hardware
		{QuoteLength: new(uint16)},                                    // BIG TCP
		{Protocol: classify.UDP, VIPPort: 53},
		{MTU: 1280},
		{MTU: 9000},     // a path of jumbo frames
		{MTU: 1500},     // teaches nothing
		{ZeroMTU: true}, // before RFC 1191
		{MTU: 1000},     // IPv6 hosts must not believe it
		{Padding: 2},    // Ethernet's least frame
	}
}
