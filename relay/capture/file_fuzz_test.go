package capture

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/gopacket/pcapgo"
)

// FuzzFile: whatever the bytes, there is no panic; packets lie in the window, which
// does not grow; they come in the order of the file; and how the file is cut into
// reads makes no difference.
func FuzzFile(f *testing.F) {
	for _, link := range gopacketLinks {
		f.Add(writtenPcap(f, link, false))
		f.Add(writtenPcap(f, link, true))
	}
	f.Add(writtenPcapng(f))
	f.Add(packed(writtenPcapng(f)))
	for _, c := range smallFiles() {
		f.Add(c.file)
		f.Add(packed(c.file))
	}
	for _, c := range linkCases {
		f.Add(pcapFile(binary.LittleEndian, c.link, shot{1, c.frame}))
		f.Add(pcapngFile(binary.BigEndian, c.link, shot{1, c.frame}))
	}
	for _, resolution := range []byte{0, 9, 19, 20, 0x80 | 63, 0x80 | 64} {
		f.Add(timedFile(binary.LittleEndian, resolution, -1, 1<<63))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		whole, err := NewFile(bytes.NewReader(data))
		if err != nil {
			return
		}
		packets, err := fuzzed(t, whole)
		if !whole.packed {
			expectNoMoreThan(t, data, packets)
			expectAsManyAsGopacket(t, data, whole)
		}
		pieces, again := NewFile(iotest.OneByteReader(bytes.NewReader(data)))
		if again != nil {
			t.Fatalf("byte by byte it cannot be opened: %v", again)
		}
		samePackets, sameErr := handed(t, pieces)
		if !slices.Equal(packets, samePackets) || message(err) != message(sameErr) {
			t.Fatalf("%d packets and %v; byte by byte %d packets and %v", len(packets), err, len(samePackets), sameErr)
		}
	})
}

// fuzzed runs a file and looks at every packet.
func fuzzed(t *testing.T, f *File) (packets []got, err error) {
	window := f.stream.window
	err = f.Run(t.Context(), func(read time.Time, batch []Packet) {
		if len(batch) == 0 || len(batch) > MaxBatch {
			t.Fatalf("a batch of %d", len(batch))
		}
		for i, p := range batch {
			if len(p.Data) > maxFrame || len(p.Data) > 0 && !within(p.Data, window) {
				t.Fatalf("%d bytes, in the window: %v", len(p.Data), within(p.Data, window))
			}
			packets = append(packets, got{read, p.From, string(p.Data), f.Frame() + uint64(i)})
		}
	})
	if len(f.stream.window) != windowSize {
		t.Fatalf("the window has %d bytes", len(f.stream.window))
	}
	if c := f.Counts(); c.Packets != uint64(len(packets)) || c.Packets+c.Skipped != f.frames {
		t.Fatalf("%d packets of %d frames, counted %+v", len(packets), f.frames, c)
	}
	return packets, err
}

// expectNoMoreThan fails where packets are out of order or more than the file has
// bytes.
func expectNoMoreThan(t *testing.T, file []byte, packets []got) {
	size, frame := 0, uint64(0)
	for _, p := range packets {
		size += len(p.Data)
		if p.Frame <= frame {
			t.Fatalf("frame %d after %d", p.Frame, frame)
		}
		frame = p.Frame
	}
	if size > len(file) {
		t.Fatalf("packets of %d bytes from a file of %d", size, len(file))
	}
}

// expectAsManyAsGopacket fails where gopacket finds frames in a pcap that File does
// not. It refuses some that File reads, and reads larger ones.
func expectAsManyAsGopacket(t *testing.T, file []byte, f *File) {
	r, err := pcapgo.NewReader(bytes.NewReader(file))
	if err != nil {
		return
	}
	r.SetSnaplen(maxFrame)
	theirs := uint64(0)
	for {
		if _, _, err := r.ReadPacketData(); err != nil {
			break
		}
		theirs++
	}
	if f.frames < theirs {
		t.Fatalf("%d frames, gopacket reads %d", f.frames, theirs)
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
