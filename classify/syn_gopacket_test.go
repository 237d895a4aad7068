package classify_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

// synByGopacket reads a SYN with a library that shares nothing with ours; read is
// false where gopacket gave up or found no whole TCP header.
func synByGopacket(packet []byte) (s classify.SYN, ok, read bool) {
	s.Family = classify.IPv4
	first := layers.LayerTypeIPv4
	if len(packet) > 0 && packet[0]>>4 == 6 {
		s.Family, first = classify.IPv6, layers.LayerTypeIPv6
	}
	parsed := gopacket.NewPacket(packet, first, gopacket.Default)
	tcp, _ := parsed.TransportLayer().(*layers.TCP)
	if tcp == nil || parsed.ErrorLayer() != nil {
		return classify.SYN{}, false, false
	}
	from, to := parsed.NetworkLayer().NetworkFlow().Endpoints()
	s.Client, _ = netip.AddrFromSlice(from.Raw())
	s.Server, _ = netip.AddrFromSlice(to.Raw())
	s.ClientPort, s.ServerPort = uint16(tcp.SrcPort), uint16(tcp.DstPort)
	for _, o := range tcp.Options {
		if o.OptionType == layers.TCPOptionKindMSS && len(o.OptionData) == 2 && binary.BigEndian.Uint16(o.OptionData) != 0 {
			s.MSS, s.HasMSS = binary.BigEndian.Uint16(o.OptionData), true
		}
	}
	return s, tcp.SYN && !tcp.ACK && !tcp.RST && !tcp.FIN, true
}

// The builder's bytes are right: gopacket serializes what it read of them, with
// its own lengths and checksums, to the same.
func TestSYNBuilderAgreesWithGopacket(t *testing.T) {
	for _, syn := range []classifytest.SYN{
		{}, {Family: classify.IPv6}, {NoOptions: true, Payload: []byte("odd")}, {Family: classify.IPv6, MSS: 1220, Payload: []byte("even")},
	} {
		packet := syn.Bytes()
		first := layers.LayerTypeIPv4
		if syn.Family == classify.IPv6 {
			first = layers.LayerTypeIPv6
		}
		parsed := gopacket.NewPacket(packet, first, gopacket.Default)
		tcp, _ := parsed.TransportLayer().(*layers.TCP)
		if tcp == nil || parsed.ErrorLayer() != nil {
			t.Fatalf("gopacket reads %v", parsed)
		}
		if err := tcp.SetNetworkLayerForChecksum(parsed.NetworkLayer()); err != nil {
			t.Fatal(err)
		}
		tcp.Checksum = 0
		buffer := gopacket.NewSerializeBuffer()
		network := parsed.NetworkLayer().(gopacket.SerializableLayer)
		if err := gopacket.SerializeLayers(buffer, serializeOptions, network, tcp, gopacket.Payload(tcp.Payload)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(packet, buffer.Bytes()) {
			t.Errorf("%+v: built\n%x, gopacket serializes\n%x", syn, packet, buffer.Bytes())
		}
	}
}

// Both read a large number of well-built segments alike, SYNs and others.
func TestDecodeSYNAgainstGopacket(t *testing.T) {
	t.Logf("-packets.seed %d", *packetsSeed)
	r := rand.New(rand.NewPCG(*packetsSeed, 0))
	with, without, others := 0, 0, 0
	for range 20_000 {
		packet := randomSYN(r).Bytes()
		got, ok := classify.DecodeSYN(packet)
		want, wantOK, read := synByGopacket(packet)
		if !read {
			t.Fatalf("gopacket gives up on %x", packet)
		}
		if !wantOK {
			want = classify.SYN{}
		}
		if diff := cmp.Diff(want, got, comparers...); diff != "" || ok != wantOK {
			t.Fatalf("%x: ok %v, gopacket says %v (-gopacket +ours):\n%s", packet, ok, wantOK, diff)
		}
		switch {
		case !ok:
			others++
		case got.HasMSS:
			with++
		default:
			without++
		}
	}
	if with < 2000 || without < 2000 || others < 2000 {
		t.Errorf("%d with an MSS, %d without, %d no SYN: want 2000 of each", with, without, others)
	}
}

// randomSYN is well built; two of three have SYN alone, most have options.
func randomSYN(r *rand.Rand) classifytest.SYN {
	s := classifytest.SYN{
		ClientPort: uint16(1 + r.IntN(65535)), ServerPort: uint16(1 + r.IntN(65535)),
		NoOptions: true, TCPOptions: randomTCPOptions(r), Payload: make([]byte, r.IntN(20)), Padding: r.IntN(8),
	}
	if r.IntN(3) == 0 {
		s.Flags = new(uint8(r.IntN(256)))
	}
	if r.IntN(2) == 0 {
		s.Family = classify.IPv6
		if r.IntN(2) == 0 {
			s.Extensions = []classifytest.Extension{classifytest.HopByHop(), classifytest.DestinationOptions(1 + r.IntN(3))}
		}
	} else {
		s.Options = make([]byte, 4*r.IntN(11))
	}
	return s
}

// randomTCPOptions are options as clients send them, in any order.
func randomTCPOptions(r *rand.Rand) (options []byte) {
	for range r.IntN(6) {
		next := [][]byte{
			{1}, {4, 2}, {3, 3, 7}, {8, 10, 1, 2, 3, 4, 0, 0, 0, 0}, {34, 6, 1, 2, 3, 4}, {253, 5, 9, 9, 9}, {0},
			classifytest.MSSOption(uint16(r.IntN(1 << 16))), classifytest.MSSOption(uint16(1300 + r.IntN(161))), classifytest.MSSOption(0),
		}[r.IntN(10)]
		if len(options)+len(next) <= 40 {
			options = append(options, next...)
		}
	}
	return options
}
