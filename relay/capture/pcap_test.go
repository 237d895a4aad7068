package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"time"
)

// put overwrites part of a file.
func put(file []byte, at int, with ...byte) []byte {
	b := bytes.Clone(file)
	copy(b[at:], with)
	return b
}

func put32(o byteOrder, file []byte, at int, v uint32) []byte {
	return put(file, at, o.AppendUint32(nil, v)...)
}

// Fractions of a second are micro- or nanoseconds, as the magic number says.
func TestPcapTimes(t *testing.T) {
	for _, o := range byteOrders {
		nano := pcapFile(o, linkRaw, shot{1_700_000_000_123_456_789, aPacket}, shot{1<<32*1e9 - 1, aPacket})
		_, packets := readAll(t, nano)
		for i, want := range []time.Time{time.Unix(1_700_000_000, 123_456_789), time.Unix(1<<32-1, 999_999_999)} {
			if !packets[i].Time.Equal(want) {
				t.Errorf("%v: packet %d at %v, want %v", o, i+1, packets[i].Time, want)
			}
		}
		micro := put32(o, pcapFile(o, linkRaw, shot{1_700_000_000_000_123_456, aPacket}), 0, 0xa1b2c3d4)
		if _, packets = readAll(t, micro); !packets[0].Time.Equal(time.Unix(1_700_000_000, 123_456_000)) {
			t.Errorf("%v: microseconds read as %v", o, packets[0].Time)
		}
	}
}

// Lengths that writers in the wild get wrong do not matter: a snap length of zero
// or below the frames', an original length below the captured one.
func TestPcapTolerates(t *testing.T) {
	o := binary.LittleEndian
	file := pcapFile(o, linkRaw, shot{0, aPacket}, shot{1, aPacket})
	for what, file := range map[string][]byte{
		"no snap length":          put32(o, file, 16, 0),
		"a small snap length":     put32(o, file, 16, 3),
		"a small original length": put32(o, file, pcapFileHeader+12, 1),
		"time zone and accuracy":  put(file, 8, 1, 2, 3, 4, 5, 6, 7, 8),
	} {
		if _, packets := readAll(t, file); len(packets) != 2 || packets[0].Data != string(aPacket) {
			t.Errorf("%s: %v", what, packets)
		}
	}
}

func TestPcapBroken(t *testing.T) {
	for _, o := range byteOrders {
		second := shot{1, aPacket}
		at := pcapFileHeader + len(pcapRecord(o, second))
		file := pcapFile(o, linkRaw, second, second)
		for what, c := range map[string]struct {
			file    []byte
			packets int
			want    string
		}{
			"major version": {put(file, 4, o.AppendUint16(nil, 1)...), 0, "file header at byte 0: pcap version 1.4 is not known"},
			"minor version": {put(file, 6, o.AppendUint16(nil, 5)...), 0, "file header at byte 0: pcap version 2.5 is not known"},
			"link type":     {put32(o, file, 20, 1<<16+1), 0, "file header at byte 0: link type 65537 is not known"},
			"length": {put32(o, file, at+8, maxFrame+1), 1,
				fmt.Sprintf("packet 2 at byte %d: it is said to have 262145 bytes", at)},
			"largest length": {put32(o, file, at+8, 1<<32-1), 1,
				fmt.Sprintf("packet 2 at byte %d: it is said to have 4294967295 bytes", at)},
			"length beyond the end": {put32(o, file, at+8, maxFrame), 1,
				fmt.Sprintf("packet 2 at byte %d: the file ends inside it", at)},
		} {
			expectBroken(t, fmt.Sprintf("%s %s", o, what), c.file, c.packets, c.want)
		}
	}
}

// The largest frame is read, in any place of the window.
func TestLargestFrame(t *testing.T) {
	for _, o := range byteOrders {
		large := bytes.Repeat([]byte{0x45}, maxFrame)
		var shots []shot
		for i := range 7 {
			shots = append(shots, shot{int64(i), large[i:]})
		}
		for _, file := range [][]byte{pcapFile(o, linkRaw, shots...), pcapngFile(o, linkRaw, shots...)} {
			_, packets := readAll(t, file)
			if len(packets) != len(shots) {
				t.Fatalf("%d packets, want %d", len(packets), len(shots))
			}
			for i, p := range packets {
				if p.Data != string(shots[i].data) {
					t.Errorf("packet %d is another", i+1)
				}
			}
		}
	}
}
