package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// udpPacket is a real packet, built by gopacket.
func udpPacket(t testing.TB, six bool, size int) []byte {
	t.Helper()
	var ip gopacket.SerializableLayer = &layers.IPv4{Version: 4, Protocol: layers.IPProtocolUDP, TTL: 60,
		SrcIP: net.IP{198, 51, 100, 1}, DstIP: net.IP{192, 0, 2, 1}}
	if six {
		ip = &layers.IPv6{Version: 6, NextHeader: layers.IPProtocolUDP, HopLimit: 60,
			SrcIP: net.ParseIP("2001:db8::1"), DstIP: net.ParseIP("2001:db8:ffff::1")}
	}
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true},
		ip, &layers.UDP{SrcPort: 443, DstPort: 40000}, gopacket.Payload(make([]byte, size)))
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// framesOf are frames of a link type, IPv4 and IPv6, which gopacket decodes.
func framesOf(t testing.TB, link linkType) (frames [][]byte) {
	t.Helper()
	for i := range 6 {
		packet, ether, af := udpPacket(t, false, 100*i), []byte{8, 0}, uint32(2)
		if i%2 == 1 {
			packet, ether, af = udpPacket(t, true, 100*i), []byte{0x86, 0xdd}, 24
		}
		frames = append(frames, map[linkType][]byte{
			linkEthernet: etherFrame(append([]byte{0x81, 0, 0, 7}, ether...), packet),
			linkCooked:   cookedFrame(6, ether, packet),
			linkLoop:     family(binary.BigEndian, af, packet),
			linkNull:     family(binary.LittleEndian, af, packet),
			linkRaw:      packet,
		}[link])
	}
	return frames
}

// networkLayer is the IP packet of a frame as gopacket finds it.
func networkLayer(t *testing.T, link linkType, frame []byte) string {
	t.Helper()
	p := gopacket.NewPacket(frame, layers.LinkType(link), gopacket.Default)
	n := p.NetworkLayer()
	if n == nil {
		t.Fatalf("link type %d: gopacket finds no IP: %v", link, p)
	}
	return string(n.LayerContents()) + string(n.LayerPayload())
}

// gopacketLinks are the link types that gopacket has numbers for: its type is a
// byte, which 276 does not fit into.
var gopacketLinks = []linkType{linkEthernet, linkCooked, linkRaw, linkNull, linkLoop}

// writtenPcap is a file by gopacket's writer.
func writtenPcap(t testing.TB, link linkType, nano bool) []byte {
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	if nano {
		w = pcapgo.NewWriterNanos(&b)
	}
	if err := w.WriteFileHeader(65535, layers.LinkType(link)); err != nil {
		t.Fatal(err)
	}
	for i, frame := range framesOf(t, link) {
		ci := gopacket.CaptureInfo{Timestamp: time.Unix(1_700_000_000+int64(i), 123_456_789), CaptureLength: len(frame), Length: len(frame)}
		if err := w.WritePacket(ci, frame); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// Files of gopacket's writers are read as its readers do.
func TestPcapAgainstGopacket(t *testing.T) {
	for _, link := range gopacketLinks {
		for _, nano := range []bool{false, true} {
			file := writtenPcap(t, link, nano)
			r, err := pcapgo.NewReader(bytes.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			expectSame(t, file, r, func(gopacket.CaptureInfo) linkType { return link })
		}
	}
}

// writtenPcapng has an interface of every link type, with other resolutions.
func writtenPcapng(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	on := func(link linkType) pcapgo.NgInterface {
		return pcapgo.NgInterface{Name: "eth0", Comment: "of the lab", LinkType: layers.LinkType(link), TimestampResolution: 9}
	}
	w, err := pcapgo.NewNgWriterInterface(&b, on(gopacketLinks[0]), pcapgo.DefaultNgWriterOptions)
	if err != nil {
		t.Fatal(err)
	}
	for i, link := range gopacketLinks {
		if i > 0 {
			if _, err := w.AddInterface(on(link)); err != nil {
				t.Fatal(err)
			}
		}
		for j, frame := range framesOf(t, link) {
			ci := gopacket.CaptureInfo{Timestamp: time.Unix(1_700_000_000+int64(j), 123_456_789),
				CaptureLength: len(frame), Length: len(frame), InterfaceIndex: i}
			if err := w.WritePacket(ci, frame); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.WriteInterfaceStats(i, pcapgo.NgInterfaceStatistics{PacketsReceived: 6}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPcapngAgainstGopacket(t *testing.T) {
	file := writtenPcapng(t)
	r, err := pcapgo.NewNgReader(bytes.NewReader(file), pcapgo.NgReaderOptions{WantMixedLinkType: true})
	if err != nil {
		t.Fatal(err)
	}
	expectSame(t, file, r, func(ci gopacket.CaptureInfo) linkType {
		return linkType(ci.AncillaryData[0].(layers.LinkType))
	})
}

// expectSame fails unless File reads from the file what gopacket's reader does.
func expectSame(t *testing.T, file []byte, r gopacket.PacketDataSource, linkOf func(gopacket.CaptureInfo) linkType) {
	t.Helper()
	var want []got
	for {
		data, ci, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		link, from := linkOf(ci), noMAC
		if link == linkEthernet || link == linkCooked {
			from = aMAC
		}
		want = append(want, got{ci.Timestamp.UTC(), from, networkLayer(t, link, data), uint64(len(want) + 1)})
	}
	if len(want) == 0 {
		t.Fatal("gopacket read nothing")
	}
	_, ours := readAll(t, file)
	if len(ours) != len(want) {
		t.Fatalf("%d packets, gopacket read %d", len(ours), len(want))
	}
	for i := range want {
		if ours[i] != want[i] {
			t.Errorf("packet %d is %+v, gopacket read %+v", i+1, ours[i], want[i])
		}
	}
}
