//go:build linux

package lab_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// ether puts an Ethernet header with the broadcast address before a packet.
func ether(etherType uint16, packet []byte) []byte {
	frame := slices.Concat([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, []byte{2, 0, 0, 0, 0, 1})
	return append(binary.BigEndian.AppendUint16(frame, etherType), packet...)
}

// ipv4 is a packet with the given number of bytes of options and first
// fragment field; checksums are left zero.
func ipv4(protocol byte, options int, fragment uint16, payload []byte) []byte {
	h := make([]byte, 20+options)
	h[0] = 0x40 | byte(len(h)/4)
	binary.BigEndian.PutUint16(h[2:], uint16(len(h)+len(payload)))
	binary.BigEndian.PutUint16(h[6:], fragment)
	h[9] = protocol
	copy(h[12:], []byte{198, 51, 100, 1})
	copy(h[16:], []byte{192, 0, 2, 1})
	return append(h, payload...)
}

func ipv6(next byte, payload []byte) []byte {
	h := make([]byte, 40)
	h[0], h[6], h[7] = 0x60, next, 64
	binary.BigEndian.PutUint16(h[4:], uint16(len(payload)))
	copy(h[8:], netip.MustParseAddr("2001:db8::1").AsSlice())
	copy(h[24:], netip.MustParseAddr("2001:db8:ffff::1").AsSlice())
	return append(h, payload...)
}

var (
	ports = []byte{0x1d, 0x0a, 0x00, 0x35, 0, 12, 0, 0} // UDP 7434 to 53
	ptb4  = slices.Concat([]byte{3, 4, 0, 0, 0, 0, 0x05, 0x78}, ipv4(6, 0, 0, ports))
	ptb6  = slices.Concat([]byte{2, 0, 0, 0, 0, 0, 0x05, 0x78}, ipv6(6, ports))
)

func TestTapFilter(t *testing.T) {
	n := labtest.Node(t, "n")
	plain := labtest.Tap(t, n, "lo")
	withUDP := labtest.TapWith(t, n, "lo", lab.TapOptions{UDPPorts: []uint16{9, 53}})
	all := labtest.TapWith(t, n, "lo", lab.TapOptions{All: true})
	other := labtest.TapWith(t, n, "lo", lab.TapOptions{Types: []lab.PacketType{lab.PacketOtherHost, lab.PacketMulticast}})
	for _, c := range []struct {
		name       string
		frame      []byte
		plain, udp bool
	}{
		{"ptb4", ether(0x0800, ipv4(1, 0, 0, ptb4)), true, true},
		{"ptb4 with options", ether(0x0800, ipv4(1, 8, 0, ptb4)), true, true},
		{"ptb4 first fragment", ether(0x0800, ipv4(1, 0, 0x2000, ptb4)), true, true},
		{"ptb6", ether(0x86dd, ipv6(58, ptb6)), true, true},
		{"fragment", ether(0x0800, ipv4(1, 0, 1, ptb4)), false, false},
		{"port unreachable", ether(0x0800, ipv4(1, 0, 0, []byte{3, 3, 0, 0, 0, 0, 0, 0})), false, false},
		{"echo6", ether(0x86dd, ipv6(58, []byte{128, 0, 0, 0, 0, 0, 0, 0})), false, false},
		{"tcp4", ether(0x0800, ipv4(6, 0, 0, ptb4)), false, false},
		{"tcp6", ether(0x86dd, ipv6(6, ptb6)), false, false},
		{"udp4", ether(0x0800, ipv4(17, 0, 0, ports)), false, true},
		{"udp4 with options", ether(0x0800, ipv4(17, 4, 0, ports)), false, true},
		{"udp6", ether(0x86dd, ipv6(17, ports)), false, true},
		{"udp4 other ports", ether(0x0800, ipv4(17, 0, 0, []byte{0, 1, 0, 2, 0, 8, 0, 0})), false, false},
		{"udp6 other ports", ether(0x86dd, ipv6(17, []byte{0, 1, 0, 2, 0, 8, 0, 0})), false, false},
		{"arp", ether(0x0806, make([]byte, 46)), false, false},
	} {
		for tap, want := range map[*lab.Tap]bool{plain: c.plain, withUDP: c.udp, all: true, other: c.plain} {
			tap.Reset()
			if err := n.SendFrame("lo", c.frame); err != nil {
				t.Fatal(err)
			}
			got := slices.ContainsFunc(labtest.Fence(t, n, "lo", tap), func(f lab.Frame) bool { return slices.Equal(f.Data, c.frame) })
			if tap == other && slices.ContainsFunc(tap.Frames(), func(f lab.Frame) bool { return f.Type == lab.PacketOutgoing }) {
				t.Errorf("%s: recorded an outgoing frame", c.name)
			}
			if got != want {
				t.Errorf("%s: recorded %v, want %v", c.name, got, want)
			}
		}
	}
}

func TestTapParsesPTBs(t *testing.T) {
	frame := lab.Frame{Data: ether(0x0800, ipv4(1, 8, 0, slices.Concat([]byte{3, 4, 0, 0, 0, 0, 0x05, 0x78}, ipv4(6, 4, 0, ports))))}
	p, ok := lab.ParsePTB(frame)
	if !ok || p.MTU != 1400 || p.Flow.VIP.Port() != 7434 || p.Flow.Client.Port() != 53 || p.Router != netip.MustParseAddr("198.51.100.1") {
		t.Errorf("%+v, %v", p, ok)
	}
	for _, whole := range [][]byte{frame.Data, ether(0x86dd, ipv6(58, ptb6))} {
		last := len(whole) - 5 // 4 bytes of ports are needed, 8 are there
		for n := range last + 1 {
			if _, ok := lab.ParsePTB(lab.Frame{Data: whole[:n]}); ok != (n > last) {
				t.Errorf("cut to %d of %d bytes: parsed %v", n, len(whole), ok)
			}
		}
	}
}

func TestTapIsBoundedAndTimestamps(t *testing.T) {
	n := labtest.Node(t, "n")
	tap, err := n.Tap("lo", lab.TapOptions{Limit: 4})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now().Add(-time.Second)
	for i := range 5 { // lo shows each frame twice: outgoing and, its own broadcast address being zero, multicast
		if err := n.SendFrame("lo", labtest.Marker()); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if _, err := tap.WaitN(t.Context(), 2); err != nil {
				t.Fatal(err)
			}
		}
	}
	labtest.Eventually(t, 5*time.Second, "6 frames above the limit", func() error {
		if d, err := tap.Dropped(); err != nil || d != 6 {
			return fmt.Errorf("%d dropped, %w", d, err)
		}
		return nil
	})
	frames := tap.Frames()
	if len(frames) != 4 || frames[0].Type != lab.PacketOutgoing || frames[1].Type != lab.PacketMulticast {
		t.Errorf("frames %v", frames)
	}
	for _, f := range frames {
		if f.Time.Before(begin) || f.Time.After(time.Now()) {
			t.Errorf("time %v", f.Time)
		}
	}
	for range 2 {
		if err := tap.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if d, err := tap.Dropped(); d != 6 || err != nil {
		t.Errorf("after Close: %d dropped, %v", d, err)
	}
	if _, err := tap.WaitN(t.Context(), 5); err == nil {
		t.Error("no error from waiting on a closed tap")
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, errors.New("enough"))
	defer cancel()
	if _, err := labtest.Tap(t, n, "lo").WaitN(ctx, 1); err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("error %v", err)
	}
}

func TestUnicastIsNotFlooded(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 16})
	taps := labtest.TapServers(t, l)
	labtest.Downloads(t, l, lab.Load{Timeout: 300 * time.Millisecond})
	for _, tap := range taps {
		for _, p := range lab.PTBs(labtest.Fence(t, l.Router, "servers", tap)) {
			if p.Frame.Type != lab.PacketHost {
				t.Errorf("%s sees %v for %x about %v", tap.Node().Name(), p.Frame.Type, p.To, p.Flow)
			}
		}
	}
}

func TestDumpNamesEverything(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 4, PTBRate: 100})
	p := start(t, l.Servers[0], "exit")
	wait(t, p)
	if _, err := l.TapServers(); err != nil {
		t.Fatal(err)
	}
	labtest.Downloads(t, l, lab.Load{Timeout: 200 * time.Millisecond})
	dump := l.Dump()
	for _, want := range []string{"== client", "== server2", "192.0.2.1/32", "2001:db8:ffff::1/128", "chain isp ptb, 1 rules", "counted", "Icmp6OutPktTooBigs", "exit status 7", "err", "MTU 1400, about tcp"} {
		if !strings.Contains(dump, want) {
			t.Errorf("dump lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(dump)
	}
}
