package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// Sections of both byte orders, interfaces of several link types, packets of all
// kinds, and blocks between them that say nothing of packets.
func TestPcapngMixed(t *testing.T) {
	var file []byte
	for _, o := range byteOrders {
		file = slices.Concat(file,
			sectionBlock(o),
			interfaceBlock(o, linkEthernet, 0),
			block(o, 0x0bad, append(o.AppendUint32(nil, 32473), "custom block"...)),
			interfaceBlock(o, linkCooked2, 0, option(o, optionResolution, 9), option(o, optionEnd), []byte("beyond the end")),
			enhancedBlock(o, 1, 3_000_000_001, cooked2Frame([]byte{8, 0}, 6, aPacket)),
			simpleBlock(o, uint32(len(aPacket)+14), etherFrame([]byte{8, 0}, aPacket)),
			block(o, 5, make([]byte, 12)), // interface statistics
			interfaceBlock(o, linkRaw, 0),
			obsoleteBlock(o, 2, 4_000_000, aPacket),
		)
	}
	f, packets := readAll(t, file)
	want := []got{
		{time.Unix(3, 1).UTC(), aMAC, string(aPacket), 0},
		{time.Unix(3, 1).UTC(), aMAC, string(aPacket), 0}, // the time of the one before
		{time.Unix(4, 0).UTC(), noMAC, string(aPacket), 0},
	}
	want = append(want, want...)
	for i := range want {
		want[i].Frame = uint64(i + 1)
	}
	if !slices.Equal(packets, want) {
		t.Errorf("got\n%v, want\n%v", packets, want)
	}
	if c := f.Counts(); c != (FileCounts{Packets: 6, Earliest: time.Unix(3, 1).UTC(), Latest: time.Unix(4, 0).UTC()}) {
		t.Errorf("counts %+v", c)
	}
}

// A simple packet has as many bytes as its interface captured of each.
func TestSimplePacketSnapped(t *testing.T) {
	for _, o := range byteOrders {
		file := slices.Concat(sectionBlock(o), interfaceBlock(o, linkRaw, 5), simpleBlock(o, 1500, aPacket[:5]))
		_, packets := readAll(t, file)
		if len(packets) != 1 || packets[0].Data != string(aPacket[:5]) || !packets[0].Time.Equal(time.Unix(0, 0)) {
			t.Errorf("%v: got %v", o, packets)
		}
	}
}

func TestPcapngTimes(t *testing.T) {
	for _, c := range []struct {
		resolution byte
		offset     int64
		ticks      uint64
		want       time.Time
	}{
		{0, 0, 1_700_000_000, time.Unix(1_700_000_000, 0)},
		{3, 0, 1_700_000_000_123, time.Unix(1_700_000_000, 123e6)},
		{6, 0, 1_700_000_000_123_456, time.Unix(1_700_000_000, 123_456_000)},
		{9, 0, 1_700_000_000_123_456_789, time.Unix(1_700_000_000, 123_456_789)},
		{12, 0, 1_700_000_000_123_456_789, time.Unix(1_700_000, 123_456)}, // rounded down
		{19, 0, math.MaxUint64, time.Unix(1, 844_674_407)},
		{0x80, 0, 1_700_000_000, time.Unix(1_700_000_000, 0)},
		{0x80 | 1, 0, 3, time.Unix(1, 5e8)},
		{0x80 | 32, 0, 1_700_000_000<<32 | 1<<31, time.Unix(1_700_000_000, 5e8)},
		{0x80 | 63, 0, math.MaxUint64, time.Unix(1, 999_999_999)},
		{6, 1_000_000_000, 1e6, time.Unix(1_000_000_001, 0)},
		{6, -5, 7e6, time.Unix(2, 0)},
		{6, -7, 7e6, time.Unix(0, 0)},
		{0, 0, 9223372035, time.Unix(9223372035, 0)}, // in the year 2262
	} {
		for _, o := range byteOrders {
			_, packets := readAll(t, timedFile(o, c.resolution, c.offset, c.ticks))
			if len(packets) != 1 || !packets[0].Time.Equal(c.want) {
				t.Errorf("%v, resolution %#x, offset %d, %d ticks: %v, want %v", o, c.resolution, c.offset, c.ticks, packets, c.want)
			}
		}
	}
}

// timedFile has one packet with a time.
func timedFile(o byteOrder, resolution byte, offset int64, ticks uint64) []byte {
	return slices.Concat(sectionBlock(o), interfaceBlock(o, linkRaw, 0,
		option(o, optionResolution, resolution), option(o, optionOffset, o.AppendUint64(nil, uint64(offset))...)),
		enhancedBlock(o, 0, ticks, aPacket))
}

// Times that cannot be are told, never a time that is wrong.
func TestPcapngTimesBroken(t *testing.T) {
	const never = "its time is before 1970 or after 2262"
	for _, c := range []struct {
		resolution byte
		offset     int64
		ticks      uint64
		want       string
	}{
		{20, 0, 0, "10^-20 seconds"},
		{127, 0, 0, "10^-127 seconds"},
		{0x80 | 64, 0, 0, "2^-64 seconds"},
		{0xff, 0, 0, "2^-127 seconds"},
		{0, 0, 9223372036, never},
		{0, 0, math.MaxUint64, never},
		{6, math.MaxInt64, 0, never},
		{6, math.MinInt64, 0, never},
		{6, 9223372035, 1e6, never},
		{6, -2, 1e6, never},
	} {
		for _, o := range byteOrders {
			what := fmt.Sprintf("%v, resolution %#x, offset %d, %d ticks", o, c.resolution, c.offset, c.ticks)
			expectBroken(t, what, timedFile(o, c.resolution, c.offset, c.ticks), 0, c.want)
		}
	}
}

// One field broken at a time.
func TestPcapngBroken(t *testing.T) {
	for _, o := range byteOrders {
		section, on, packet := sectionBlock(o), interfaceBlock(o, linkRaw, 0), enhancedBlock(o, 0, 1, aPacket)
		whole := slices.Concat(section, on, packet)
		at := len(whole) // of what is appended
		after := func(block []byte) []byte { return append(bytes.Clone(whole), block...) }
		packetHas := func(offset int, v uint32) []byte { return after(put32(o, packet, offset, v)) }
		described := func(options ...byte) []byte { return after(interfaceBlock(o, linkRaw, 0, options)) }
		const body = blockHeader
		for what, c := range map[string]struct {
			file    []byte
			packets int
			want    string
		}{
			"byte order":        {put32(o, whole, 8, 0x1a2b3c4e), 0, "file header at byte 0: its byte order cannot be told"},
			"major version":     {put(whole, 12, o.AppendUint16(nil, 2)...), 0, "file header at byte 0: pcapng version 2.0 is not known"},
			"minor version":     {put(whole, 14, o.AppendUint16(nil, 1)...), 0, "file header at byte 0: pcapng version 1.1 is not known"},
			"section too short": {put32(o, whole, 4, 24), 0, "file header at byte 0: its block is too short"},
			"section's end":     {put32(o, whole, len(section)-4, 32), 0, "file header at byte 0: its block is said to have 28 bytes at its begin and 32 at its end"},
			"second section":    {after(put32(o, section, 8, 0)), 1, fmt.Sprintf("section header at byte %d: its byte order", at)},

			"no interface": {slices.Concat(section, packet), 0, "packet 1 at byte 28: it names interface 0, the section has 0"},
			"no interface for a simple packet": {append(bytes.Clone(section), simpleBlock(o, 0, nil)...), 0,
				"packet 1 at byte 28: it names interface 0, the section has 0"},
			"interfaces end with the section": {slices.Concat(whole, section, packet), 1, fmt.Sprintf("packet 2 at byte %d: it names interface 0", at+len(section))},
			"interface":                       {packetHas(body, 1), 1, fmt.Sprintf("packet 2 at byte %d: it names interface 1, the section has 1", at)},
			"largest interface":               {packetHas(body, 1<<32-1), 1, "it names interface 4294967295, the section has 1"},

			"block of 0 bytes":    {packetHas(4, 0), 1, fmt.Sprintf("packet 2 at byte %d: its block is said to have 0 bytes", at)},
			"block of 11 bytes":   {packetHas(4, 11), 1, "its block is said to have 11 bytes"},
			"odd block":           {packetHas(4, uint32(len(packet)+1)), 1, "which no block can have"},
			"block at its end":    {packetHas(len(packet)-4, 8), 1, "bytes at its begin and 8 at its end"},
			"block of 4 GiB":      {packetHas(4, 1<<32-4), 1, "its block is said to have 4294967292 bytes"},
			"block beyond":        {packetHas(4, uint32(len(packet)+4)), 1, fmt.Sprintf("packet 2 at byte %d: the file ends inside it", at)},
			"length":              {packetHas(body+12, uint32(align4(len(aPacket))+1)), 1, "bytes, its block has room for"},
			"large length":        {packetHas(body+12, maxFrame+1), 1, "it is said to have 262145 bytes"},
			"largest length":      {packetHas(body+12, 1<<32-1), 1, "it is said to have 4294967295 bytes"},
			"packet too short":    {after(block(o, blockEnhanced, make([]byte, 16))), 1, fmt.Sprintf("packet 2 at byte %d: its block is too short", at)},
			"simple packet short": {after(block(o, blockSimple, nil)), 1, "its block is too short"},
			"simple packet":       {after(simpleBlock(o, uint32(len(aPacket)+4), aPacket)), 1, "bytes, its block has room for"},

			"unknown block of 4 GiB":  {after(put32(o, block(o, 99, nil), 4, 1<<32-4)), 1, fmt.Sprintf("block at byte %d: the file ends inside it", at)},
			"unknown block's end":     {after(put32(o, block(o, 99, nil), 8, 16)), 1, "12 bytes at its begin and 16 at its end"},
			"unknown block too short": {after(put32(o, block(o, 99, nil), 4, 8)), 1, "its block is said to have 8 bytes"},

			"interface too short":   {after(block(o, blockInterface, make([]byte, 4))), 1, fmt.Sprintf("interface description at byte %d: its block is too short", at)},
			"option beyond":         {described(option(o, 2, 1, 2, 3, 4)[:4]...), 1, "its option 2 goes beyond the block"},
			"empty resolution":      {described(option(o, optionResolution)...), 1, "its option 9 has 0 bytes"},
			"resolution of 2 bytes": {described(option(o, optionResolution, 6, 6)...), 1, "its option 9 has 2 bytes"},
			"offset of 4 bytes":     {described(option(o, optionOffset, 1, 2, 3, 4)...), 1, "its option 14 has 4 bytes"},
			"interface of 4 GiB":    {after(put32(o, on, 4, 1<<32-4)), 1, "its block is said to have 4294967292 bytes"},
			"interface block's end": {after(put32(o, on, len(on)-4, 8)), 1, "bytes at its begin and 8 at its end"},
			"an interface too many": {append(bytes.Clone(section), bytes.Repeat(on, maxInterfaces+1)...), 0, "it is one more than 65536"},
		} {
			expectBroken(t, fmt.Sprintf("%s: %s", o, what), c.file, c.packets, c.want)
		}
	}
}

// Names, filters and comments of any length pass by, also where the options end
// without an end.
func TestPcapngOptions(t *testing.T) {
	o := binary.LittleEndian
	long := option(o, 1, bytes.Repeat([]byte{'c'}, math.MaxUint16)...)
	packet := packetBody(o, o.AppendUint32(nil, 0), 7e6, aPacket)
	packet = append(packet, make([]byte, align4(len(packet))-len(packet))...)
	file := slices.Concat(sectionBlock(o),
		interfaceBlock(o, linkRaw, 0, option(o, 11), option(o, 2, 'e'), long, option(o, optionResolution, 6), []byte{1, 0}),
		block(o, blockEnhanced, append(packet, long...)))
	if _, packets := readAll(t, file); len(packets) != 1 || packets[0].Data != string(aPacket) || !packets[0].Time.Equal(time.Unix(7, 0)) {
		t.Errorf("got %v", packets)
	}
}
