package capture

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

var (
	aPacket = []byte("\x45a packet")
	aMAC    = [6]byte{2, 0, 0, 0, 0, 9}
	noMAC   [6]byte
)

func etherFrame(types []byte, packet []byte) []byte {
	return slices.Concat([]byte{2, 0, 0, 0, 0, 1}, aMAC[:], types, packet)
}

func cookedFrame(addressSize byte, types, packet []byte) []byte {
	return slices.Concat([]byte{0, 0, 0, 1, 0, addressSize}, aMAC[:], []byte{0xee, 0xee}, types, packet)
}

func cooked2Frame(kind []byte, addressSize byte, rest []byte) []byte {
	return slices.Concat(kind, []byte{0, 0, 0, 0, 0, 3, 0, 1, 0, addressSize}, aMAC[:], []byte{0xee, 0xee}, rest)
}

func family(o byteOrder, af uint32, packet []byte) []byte {
	return append(o.AppendUint32(nil, af), packet...)
}

var linkCases = []struct {
	name  string
	link  linkType
	frame []byte
	from  [6]byte
	ip    bool
}{
	{"IPv4", linkEthernet, etherFrame([]byte{8, 0}, aPacket), aMAC, true},
	{"IPv6", linkEthernet, etherFrame([]byte{0x86, 0xdd}, aPacket), aMAC, true},
	{"802.1Q", linkEthernet, etherFrame([]byte{0x81, 0, 0, 7, 8, 0}, aPacket), aMAC, true},
	{"802.1ad", linkEthernet, etherFrame([]byte{0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 0x86, 0xdd}, aPacket), aMAC, true},
	{"old QinQ", linkEthernet, etherFrame([]byte{0x91, 0, 0, 7, 0x81, 0, 0, 8, 8, 0}, aPacket), aMAC, true},
	{"ARP", linkEthernet, etherFrame([]byte{8, 6}, aPacket), noMAC, false},
	{"LLDP", linkEthernet, etherFrame([]byte{0x88, 0xcc}, aPacket), noMAC, false},
	{"tagged ARP", linkEthernet, etherFrame([]byte{0x81, 0, 0, 7, 8, 6}, aPacket), noMAC, false},
	{"802.3 length", linkEthernet, etherFrame([]byte{0, 8}, aPacket), noMAC, false},
	{"cut in the tag", linkEthernet, etherFrame([]byte{0x81, 0, 0, 7, 8}, nil), noMAC, false},
	{"cut in the header", linkEthernet, etherFrame([]byte{8}, nil), noMAC, false},
	{"empty", linkEthernet, nil, noMAC, false},

	{"IPv4", linkCooked, cookedFrame(6, []byte{8, 0}, aPacket), aMAC, true},
	{"IPv6", linkCooked, cookedFrame(6, []byte{0x86, 0xdd}, aPacket), aMAC, true},
	{"tagged", linkCooked, cookedFrame(6, []byte{0x81, 0, 0, 7, 8, 0}, aPacket), aMAC, true},
	{"address of 4 bytes", linkCooked, cookedFrame(4, []byte{8, 0}, aPacket), noMAC, true},
	{"ARP", linkCooked, cookedFrame(6, []byte{8, 6}, aPacket), noMAC, false},
	{"cut", linkCooked, cookedFrame(6, []byte{8}, nil), noMAC, false},

	{"IPv4", linkCooked2, cooked2Frame([]byte{8, 0}, 6, aPacket), aMAC, true},
	{"IPv6", linkCooked2, cooked2Frame([]byte{0x86, 0xdd}, 6, aPacket), aMAC, true},
	{"tagged", linkCooked2, cooked2Frame([]byte{0x81, 0}, 6, append([]byte{0, 7, 8, 0}, aPacket...)), aMAC, true},
	{"address of 8 bytes", linkCooked2, cooked2Frame([]byte{8, 0}, 8, aPacket), noMAC, true},
	{"ARP", linkCooked2, cooked2Frame([]byte{8, 6}, 6, aPacket), noMAC, false},
	{"cut in the tag", linkCooked2, cooked2Frame([]byte{0x81, 0}, 6, []byte{0, 7, 8}), noMAC, false},
	{"cut", linkCooked2, cooked2Frame([]byte{8, 0}, 6, nil)[:19], noMAC, false},

	{"IP", linkRaw, aPacket, noMAC, true},
	{"IP", linkRawBSD, aPacket, noMAC, true},
	{"IP", linkRawOpenBSD, aPacket, noMAC, true},
	{"IP", linkIPv4, aPacket, noMAC, true},
	{"IP", linkIPv6, aPacket, noMAC, true},

	{"IPv4, little endian", linkNull, family(binary.LittleEndian, 2, aPacket), noMAC, true},
	{"IPv4, big endian", linkNull, family(binary.BigEndian, 2, aPacket), noMAC, true},
	{"IPv6 of macOS", linkNull, family(binary.LittleEndian, 30, aPacket), noMAC, true},
	{"IPv6 of FreeBSD", linkNull, family(binary.BigEndian, 28, aPacket), noMAC, true},
	{"IPv6 of OpenBSD", linkLoop, family(binary.BigEndian, 24, aPacket), noMAC, true},
	{"IPv6 of Linux", linkLoop, family(binary.BigEndian, 10, aPacket), noMAC, true},
	{"AppleTalk", linkLoop, family(binary.BigEndian, 16, aPacket), noMAC, false},
	{"cut", linkNull, []byte{2, 0, 0}, noMAC, false},
}

// Every link type is understood in every format, and what is no IP is counted.
func TestLinkTypes(t *testing.T) {
	for _, c := range linkCases {
		for _, o := range byteOrders {
			for format, build := range map[string]func(byteOrder, linkType, ...shot) []byte{"pcap": pcapFile, "pcapng": pcapngFile} {
				t.Run(fmt.Sprintf("%d %s %s %s", c.link, c.name, format, o), func(t *testing.T) {
					f, packets := readAll(t, build(o, c.link, shot{5, c.frame}))
					counts := f.Counts()
					if !c.ip {
						if len(packets) != 0 || counts.Skipped != 1 || counts.Packets != 0 {
							t.Errorf("handed over %v, counted %+v; want a skipped frame", packets, counts)
						}
						return
					}
					if len(packets) != 1 || counts.Packets != 1 || counts.Skipped != 0 {
						t.Fatalf("handed over %v, counted %+v; want one packet", packets, counts)
					}
					if p := packets[0]; p.Data != string(aPacket) || p.From != c.from {
						t.Errorf("got % x from %x, want % x from %x", p.Data, p.From, aPacket, c.from)
					}
				})
			}
		}
	}
}

// A pcap of another link type is refused at once; a pcapng only where a packet was
// captured on such an interface, for many describe interfaces that saw none.
func TestUnknownLinkType(t *testing.T) {
	const bluetooth linkType = 187
	refused := func(err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "link type 187") || !strings.Contains(err.Error(), "Ethernet (1)") {
			t.Errorf("got %v, want the number and the known ones", err)
		}
	}
	_, err := NewFile(strings.NewReader(string(pcapFile(binary.LittleEndian, bluetooth))))
	refused(err)

	o := binary.LittleEndian
	file := slices.Concat(sectionBlock(o), interfaceBlock(o, bluetooth, 0), interfaceBlock(o, linkRaw, 0),
		enhancedBlock(o, 1, 0, aPacket))
	if _, packets := readAll(t, file); len(packets) != 1 {
		t.Errorf("%d packets, want one", len(packets))
	}
	_, packets, err := read(t, append(file, enhancedBlock(o, 0, 0, aPacket)...))
	refused(err)
	if len(packets) != 1 {
		t.Errorf("%d packets before the error, want one", len(packets))
	}
}

// The upper bits of a pcap's link type tell of the frame check sequence.
func TestFrameCheckSequence(t *testing.T) {
	const fcs = 0x24000000
	_, packets := readAll(t, pcapFile(binary.LittleEndian, fcs|linkEthernet, shot{0, etherFrame([]byte{8, 0}, aPacket)}))
	if len(packets) != 1 || packets[0].From != aMAC {
		t.Errorf("got %v", packets)
	}
}
