package classify_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

// The builder is checked against a library that shares nothing with it:
// gopacket must read the fields that were asked for, and must serialize the
// same fields with its own lengths and checksums to the same bytes.
func TestBuilderAgreesWithGopacket(t *testing.T) {
	for _, family := range []classify.Family{classify.IPv4, classify.IPv6} {
		for _, protocol := range []classify.Protocol{classify.TCP, classify.UDP, classify.SCTP} {
			for _, size := range []int{0, 101, 528, 1232} {
				p := classifytest.PTB{Family: family, Protocol: protocol, QuoteBytes: size, MTU: 1333}
				packet := p.Bytes()
				var again []byte
				if family == classify.IPv4 {
					again = serializeIPv4(t, packet)
				} else {
					again = serializeIPv6(t, packet)
				}
				if !bytes.Equal(packet, again) {
					t.Errorf("%v %v quote %d: built\n%x, gopacket serializes\n%x", family, protocol, size, packet, again)
				}
				if size > 101 {
					checkQuote(t, p, packet[len(packet)-size:])
				}
			}
		}
	}
}

var serializeOptions = gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}

func serializeIPv4(t *testing.T, packet []byte) []byte {
	t.Helper()
	parsed := gopacket.NewPacket(packet, layers.LayerTypeIPv4, gopacket.Default)
	ip, _ := parsed.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	icmp, _ := parsed.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
	if ip == nil || icmp == nil || parsed.ErrorLayer() != nil {
		t.Fatalf("gopacket reads %v", parsed)
	}
	if !ip.SrcIP.Equal(classifytest.Router4.AsSlice()) || !ip.DstIP.Equal(classifytest.VIP4.AsSlice()) {
		t.Errorf("outer addresses %v to %v", ip.SrcIP, ip.DstIP)
	}
	if icmp.TypeCode != layers.CreateICMPv4TypeCode(3, 4) || icmp.Seq != 1333 {
		t.Errorf("ICMP %v, MTU %d", icmp.TypeCode, icmp.Seq)
	}
	ip.Checksum, ip.Length, ip.IHL, icmp.Checksum = 0, 0, 0, 0
	buffer := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buffer, serializeOptions, ip, icmp, gopacket.Payload(icmp.Payload)); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func serializeIPv6(t *testing.T, packet []byte) []byte {
	t.Helper()
	parsed := gopacket.NewPacket(packet, layers.LayerTypeIPv6, gopacket.Default)
	ip, _ := parsed.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
	icmp, _ := parsed.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
	if ip == nil || icmp == nil || parsed.ErrorLayer() != nil {
		t.Fatalf("gopacket reads %v", parsed)
	}
	if !ip.SrcIP.Equal(classifytest.Router6.AsSlice()) || !ip.DstIP.Equal(classifytest.VIP6.AsSlice()) {
		t.Errorf("outer addresses %v to %v", ip.SrcIP, ip.DstIP)
	}
	if icmp.TypeCode != layers.CreateICMPv6TypeCode(2, 0) || binary.BigEndian.Uint32(icmp.Payload) != 1333 {
		t.Errorf("ICMPv6 %v, then %x", icmp.TypeCode, icmp.Payload[:4])
	}
	if err := icmp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	ip.Length, icmp.Checksum = 0, 0
	buffer := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buffer, serializeOptions, ip, icmp, gopacket.Payload(icmp.Payload)); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

// checkQuote reads a long quote with gopacket, which knows that it is cut.
func checkQuote(t *testing.T, p classifytest.PTB, quote []byte) {
	t.Helper()
	first := layers.LayerTypeIPv4
	if p.Family == classify.IPv6 {
		first = layers.LayerTypeIPv6
	}
	parsed := gopacket.NewPacket(quote, first, gopacket.Default)
	network, transport := parsed.NetworkLayer(), parsed.TransportLayer()
	if network == nil || transport == nil {
		t.Fatalf("gopacket reads of the quote %v", parsed)
	}
	address := func(e gopacket.Endpoint) netip.Addr {
		a, _ := netip.AddrFromSlice(e.Raw())
		return a
	}
	port := func(e gopacket.Endpoint) uint16 { return binary.BigEndian.Uint16(e.Raw()) }
	from, to := network.NetworkFlow().Endpoints()
	sport, dport := transport.TransportFlow().Endpoints()
	flow := classify.MakeFlow(p.Protocol,
		netip.AddrPortFrom(address(from), port(sport)), netip.AddrPortFrom(address(to), port(dport)))
	if flow != p.Flow() {
		t.Errorf("gopacket reads flow %v, asked for %v", flow, p.Flow())
	}
	if tcp, ok := transport.(*layers.TCP); ok && (tcp.Seq != 0x10203040 || !tcp.ACK || tcp.DataOffset != 5) {
		t.Errorf("quoted TCP header %+v", tcp)
	}
}

// The chains of extension headers must look to gopacket as they were meant. It
// reads no further than a fragment header, so none is in them.
func TestExtensionHeadersAgreeWithGopacket(t *testing.T) {
	chain := []classifytest.Extension{
		classifytest.HopByHop(), classifytest.DestinationOptions(33), classifytest.Authentication(), classifytest.DestinationOptions(1),
	}
	packet := classifytest.PTB{Family: classify.IPv6, Extensions: chain}.Bytes()
	want := []gopacket.LayerType{
		layers.LayerTypeIPv6, layers.LayerTypeIPv6HopByHop, layers.LayerTypeIPv6Destination,
		layers.LayerTypeIPSecAH, layers.LayerTypeIPv6Destination, layers.LayerTypeICMPv6,
	}
	parsed := gopacket.NewPacket(packet, layers.LayerTypeIPv6, gopacket.Default)
	var got []gopacket.LayerType
	for _, l := range parsed.Layers() {
		got = append(got, l.LayerType())
	}
	if len(got) < len(want) {
		t.Fatalf("layers %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("layer %d is %v, want %v", i, got[i], want[i])
		}
	}
	fragment := classifytest.PTB{Family: classify.IPv6, Extensions: []classifytest.Extension{classifytest.Fragment(185, true)}}.Bytes()
	parsed = gopacket.NewPacket(fragment, layers.LayerTypeIPv6, gopacket.Default)
	header, _ := parsed.Layer(layers.LayerTypeIPv6Fragment).(*layers.IPv6Fragment)
	if header == nil || header.FragmentOffset != 185 || !header.MoreFragments {
		t.Errorf("fragment header %+v", header)
	}
}
