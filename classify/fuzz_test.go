package classify_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

// exact returns a copy behind which no byte belongs to the slice.
func exact(b []byte) []byte {
	c := make([]byte, len(b))
	copy(c, b)
	return c[:len(c):len(c)]
}

func FuzzDecode(f *testing.F) {
	for i, c := range classifytest.Corpus() {
		f.Add(c.Packet, uint16(i))
	}
	for _, c := range captures(f) {
		f.Add(c.packet, uint16(7))
	}
	f.Fuzz(func(t *testing.T, data []byte, at uint16) {
		packet := exact(data)
		var d classify.Decoder
		m, v := d.Decode(packet)
		if v > classify.QuoteFragment && v != classify.Eligible {
			t.Fatalf("Decode says %v", v)
		}
		if !bytes.Equal(packet, data) {
			t.Fatal("Decode changed the packet")
		}
		checkMessage(t, packet, m, v)
		if v == classify.Eligible {
			policy := classifytest.Policy()
			if w := policy.Classify(m); w < classify.QuoteProtocol || w > classify.Eligible {
				t.Fatalf("Classify says %v", w)
			}
		}
		if v != classify.NotIP && v != classify.Truncated {
			checkPadding(t, packet, *m, v)
			checkCut(t, m.Packet, int(at))
		}
		if v >= classify.BadChecksum {
			checkChecksum(t, m, v, int(at))
		}
	})
}

// checkMessage holds the message against the packet's own bytes.
func checkMessage(t *testing.T, packet []byte, m *classify.Message, v classify.Verdict) {
	t.Helper()
	if (m.Family == classify.FamilyUnknown) != (v == classify.NotIP) {
		t.Fatalf("%v has family %v", v, m.Family)
	}
	if is := m.IsICMP(); v == classify.NotIP && is || v >= classify.BadChecksum && !is {
		t.Fatalf("%v is ICMP: %v", v, is)
	}
	if v == classify.NotIP {
		if m.Packet != nil || m.Router.IsValid() || m.VIP.IsValid() {
			t.Fatalf("not-ip fills %+v", m)
		}
		return
	}
	if len(m.Packet) > len(packet) || &m.Packet[0] != &packet[0] || cap(m.Packet) != len(m.Packet) {
		t.Fatal("Packet lies not within the input")
	}
	router, vip := packet[12:16], packet[16:20]
	if m.Family == classify.IPv6 {
		router, vip = packet[8:24], packet[24:40]
	}
	if !bytes.Equal(m.Router.AsSlice(), router) || !bytes.Equal(m.VIP.AsSlice(), vip) {
		t.Fatalf("addresses %v and %v", m.Router, m.VIP)
	}
	if v >= classify.BadChecksum && !bytes.HasSuffix(m.Packet, m.ICMP) {
		t.Fatal("ICMP is not the end of Packet")
	}
	if v != classify.Eligible {
		if m.Flow != (classify.Flow{}) {
			t.Fatalf("%v has a flow", v)
		}
		return
	}
	if m.Flow.VIP() != m.QuoteSource || m.Flow.Client().Is4() != (m.Family == classify.IPv4) {
		t.Fatalf("flow %v of a quote from %v", m.Flow, m.QuoteSource)
	}
	for _, a := range []netip.Addr{m.Router, m.QuoteSource, m.Flow.Client()} {
		if a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() || a.Is4In6() {
			t.Fatalf("address %v is let through", a)
		}
	}
}

// checkPadding: what lies beyond the IP length changes nothing.
func checkPadding(t *testing.T, packet []byte, m classify.Message, v classify.Verdict) {
	t.Helper()
	var d classify.Decoder
	for _, padding := range [][]byte{nil, {0}, bytes.Repeat([]byte{0xff}, 61)} {
		padded := exact(append(exact(m.Packet), padding...))
		got, w := d.Decode(padded)
		if w != v || !bytes.Equal(got.Packet, m.Packet) || !bytes.Equal(got.ICMP, m.ICMP) ||
			got.MTU != m.MTU || got.Flow != m.Flow || got.QuoteLength != m.QuoteLength || got.QuoteSource != m.QuoteSource {
			t.Fatalf("with %d bytes of padding %v, with %d bytes %v", len(packet)-len(m.Packet), v, len(padding), w)
		}
	}
}

// checkCut: a packet cut short is never anything but that.
func checkCut(t *testing.T, packet []byte, at int) {
	t.Helper()
	var d classify.Decoder
	cut := exact(packet[:at%len(packet)])
	if _, w := d.Decode(cut); w != classify.Truncated && w != classify.NotIP {
		t.Fatalf("first %d of %d bytes are %v", len(cut), len(packet), w)
	}
}

// checkChecksum holds the verdict against a naive checksum, and changes a bit.
func checkChecksum(t *testing.T, m *classify.Message, v classify.Verdict, at int) {
	t.Helper()
	covered := exact(m.ICMP)
	if m.Family == classify.IPv6 {
		covered = binary.BigEndian.AppendUint32(exact(m.Packet[8:40]), uint32(len(m.ICMP)))
		covered = append(append(covered, 0, 0, 0, 58), m.ICMP...)
	}
	if sound := naive(covered) == 0; sound == (v == classify.BadChecksum) {
		t.Fatalf("%v, but a naive checksum says sound: %v", v, sound)
	}
	if v == classify.BadChecksum {
		return
	}
	changed := exact(m.Packet)
	field := changed[len(changed)-len(m.ICMP)+2:]
	field[at/8%2] ^= 1 << (at % 8)
	var d classify.Decoder
	if _, w := d.Decode(changed); w != classify.BadChecksum {
		t.Fatalf("%v becomes %v when a bit of the checksum is changed", v, w)
	}
}

// FuzzBuilder: what goes into the builder comes out of the decoder.
func FuzzBuilder(f *testing.F) {
	f.Add(false, uint32(1400), uint16(443), uint16(50000), byte(6), uint16(28), byte(0), byte(0), uint16(1500), []byte{})
	f.Add(true, uint32(1280), uint16(53), uint16(1), byte(17), uint16(1232), byte(4), byte(31), uint16(0), []byte{0, 8, 1, 1, 1, 2, 3, 4})
	f.Add(true, uint32(1<<31), uint16(1), uint16(2), byte(58), uint16(100), byte(7), byte(255), uint16(65535), []byte{1})
	f.Add(false, uint32(0), uint16(9), uint16(9), byte(132), uint16(528), byte(10), byte(9), uint16(40), []byte{0})
	f.Fuzz(func(t *testing.T, six bool, mtu uint32, vipPort, clientPort uint16, protocol byte,
		quote uint16, outer, quoted byte, length uint16, objects []byte) {
		if vipPort == 0 || clientPort == 0 || protocol == 0 || len(objects) > 500 {
			t.Skip("zero stands for the default")
		}
		p := classifytest.PTB{
			MTU: classify.MTU(mtu), ZeroMTU: mtu == 0, Protocol: classify.Protocol(protocol),
			QuoteLength: &length, ExtensionObjects: objects,
		}
		want := classify.Message{QuoteLength: uint32(length), MTU: classify.MTU(uint16(mtu)), Family: classify.IPv4}
		minimum := 28 + fillIPv4(&p, outer, quoted)
		if six {
			p.Family = classify.IPv6
			p.Options, p.QuoteOptions = nil, nil
			want = classify.Message{MTU: classify.MTU(mtu), Family: classify.IPv6}
			if length != 0 {
				want.QuoteLength = uint32(length) + 40
			}
			minimum = 48 + fillIPv6(&p, outer, quoted)
		}
		switch classify.Protocol(protocol) {
		case classify.TCP, classify.UDP, classify.SCTP, classify.DCCP:
			p.VIPPort, p.ClientPort = vipPort, clientPort
		case 0, 43, 44, 51, 60: // extension headers are no L4
			if six {
				t.Skip()
			}
		}
		p.QuoteBytes = max(minimum, int(quote%1500))
		checkRoundTrip(t, p, want)
	})
}

// fillIPv4 adds IPv4 options and returns how many bytes the quote has of them.
func fillIPv4(p *classifytest.PTB, outer, quoted byte) int {
	p.Options = make([]byte, outer%11*4)
	p.QuoteOptions = make([]byte, quoted%11*4)
	return len(p.QuoteOptions)
}

// fillIPv6 adds extension headers, one a bit, and returns how many bytes the
// quote has of them.
func fillIPv6(p *classifytest.PTB, outer, quoted byte) int {
	choose := func(bits byte) (chain []classifytest.Extension, size int) {
		for i, e := range []classifytest.Extension{
			classifytest.HopByHop(), classifytest.DestinationOptions(1 + int(bits>>6)), classifytest.Routing(0),
			classifytest.Fragment(0, false), classifytest.Authentication(), classifytest.DestinationOptions(2),
		} {
			if bits>>i&1 != 0 {
				chain = append(chain, e)
				size += len(e.Bytes)
			}
		}
		return chain, size
	}
	p.Extensions, _ = choose(outer)
	var size int
	p.QuoteExtensions, size = choose(quoted)
	return size
}

func checkRoundTrip(t *testing.T, p classifytest.PTB, want classify.Message) {
	t.Helper()
	var d classify.Decoder
	packet := p.Bytes()
	m, v := d.Decode(packet)
	if v != classify.Eligible {
		t.Fatalf("%+v is %v", p, v)
	}
	router, vip := classifytest.Router4, classifytest.VIP4
	if want.Family == classify.IPv6 {
		router, vip = classifytest.Router6, classifytest.VIP6
	}
	if m.Family != want.Family || m.MTU != want.MTU || m.QuoteLength != want.QuoteLength ||
		m.Router != router || m.VIP != vip || m.QuoteSource != vip || m.Flow != p.Flow() || len(m.Packet) != len(packet) {
		t.Fatalf("%+v comes back as %+v", p, m)
	}
}

// FuzzPrefixSet holds the set against a loop over netip prefixes.
func FuzzPrefixSet(f *testing.F) {
	f.Add([]byte{4, 192, 0, 2, 0, 24, 4, 192, 0, 3, 0, 24}, []byte{192, 0, 2, 255})
	f.Add(append([]byte{6, 0x20, 1, 0xd, 0xb8}, append(make([]byte, 12), 32)...), append([]byte{0x20, 1, 0xd, 0xb8}, make([]byte, 12)...))
	f.Add(append([]byte{6}, make([]byte, 17)...), append(make([]byte, 10), 0xff, 0xff, 1, 2, 3, 4))
	f.Fuzz(func(t *testing.T, data, address []byte) {
		a, ok := netip.AddrFromSlice(address)
		if !ok {
			t.Skip("no address")
		}
		if len(data) > 1000 {
			t.Skip("the naive loop would take the time")
		}
		var prefixes []netip.Prefix
		for len(data) > 0 {
			size := 16
			if data[0] == 4 {
				size = 4
			}
			if len(data) < size+2 {
				break
			}
			p, _ := netip.AddrFromSlice(data[1 : 1+size])
			if p.Is4In6() {
				p = p.Unmap() // covered by the table test
			}
			prefixes = append(prefixes, netip.PrefixFrom(p, int(data[1+size])%(p.BitLen()+1)))
			data = data[size+2:]
		}
		set := classify.Prefixes(prefixes...)
		addresses := []netip.Addr{a, a.Next(), a.Prev()}
		for _, p := range prefixes {
			addresses = append(addresses, p.Addr(), p.Addr().Next(), p.Masked().Addr(), p.Masked().Addr().Prev())
		}
		for _, a := range addresses {
			if got, want := set.Contains(a), covers(prefixes, a); got != want {
				t.Fatalf("%v in %v: %v, want %v", a, prefixes, got, want)
			}
		}
	})
}
