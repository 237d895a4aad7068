package capture

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"testing/iotest"
	"time"
)

// A batch holds packets of one time that follow one another in the file.
func TestBatches(t *testing.T) {
	arp := etherFrame([]byte{8, 6}, nil)
	ip := etherFrame([]byte{8, 0}, aPacket)
	shots := []shot{{5, ip}, {5, ip}, {6, ip}, {5, ip}, {5, arp}, {5, ip}, {7, arp}, {8, ip}}
	f, err := NewFile(bytes.NewReader(pcapFile(binary.LittleEndian, linkEthernet, shots...)))
	if err != nil {
		t.Fatal(err)
	}
	type batch struct {
		time  int64
		size  int
		frame uint64
	}
	var batches []batch
	err = f.Run(t.Context(), func(read time.Time, b []Packet) {
		batches = append(batches, batch{read.UnixNano(), len(b), f.Frame()})
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []batch{{5, 2, 1}, {6, 1, 3}, {5, 1, 4}, {5, 1, 6}, {8, 1, 8}}
	if !slices.Equal(batches, want) {
		t.Errorf("batches %v, want %v", batches, want)
	}
	wantCounts := FileCounts{Packets: 6, Skipped: 2, Earliest: time.Unix(0, 5).UTC(), Latest: time.Unix(0, 8).UTC()}
	if c := f.Counts(); c != wantCounts {
		t.Errorf("counts %+v, want %+v", c, wantCounts)
	}
	if f.Stats() != (Stats{}) {
		t.Errorf("stats %+v", f.Stats())
	}
}

func TestFullBatch(t *testing.T) {
	f, err := NewFile(bytes.NewReader(pcapFile(binary.LittleEndian, linkRaw, slices.Repeat([]shot{{1, aPacket}}, 4*MaxBatch)...)))
	if err != nil {
		t.Fatal(err)
	}
	sum, largest := 0, 0
	err = f.Run(t.Context(), func(_ time.Time, batch []Packet) {
		sum += len(batch)
		largest = max(largest, len(batch))
	})
	if err != nil || sum != 4*MaxBatch || largest != MaxBatch {
		t.Errorf("%d packets in batches of at most %d, %v; want %d and %d", sum, largest, err, 4*MaxBatch, MaxBatch)
	}
}

func TestNoPackets(t *testing.T) {
	for _, file := range [][]byte{pcapFile(binary.LittleEndian, linkRaw), sectionBlock(binary.BigEndian)} {
		f, packets := readAll(t, file)
		if len(packets) != 0 || f.Counts() != (FileCounts{}) {
			t.Errorf("%v, counts %+v", packets, f.Counts())
		}
	}
}

// variedFile has frames of every length up to a few thousand bytes, in batches of
// every length, and is several windows long.
func variedFile(build func(byteOrder, linkType, ...shot) []byte) ([]byte, []shot) {
	r := rand.New(rand.NewPCG(1, 2))
	var shots []shot
	for size := 0; size < 3*windowSize; {
		data := make([]byte, r.IntN(3000))
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		shots = append(shots, shot{int64(len(shots) / (1 + r.IntN(9))), data})
		size += len(data)
	}
	return build(binary.BigEndian, linkRaw, shots...), shots
}

// pieces gives few bytes at a time, never a multiple of anything.
type pieces struct{ io.Reader }

func (r pieces) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(len(p), 1009)]) }

// Packets are whole when the handler gets them, wherever the window ends and
// however the reader cuts the file into pieces.
func TestWindow(t *testing.T) {
	for name, build := range map[string]func(byteOrder, linkType, ...shot) []byte{"pcap": pcapFile, "pcapng": pcapngFile} {
		file, shots := variedFile(build)
		for kind, reader := range map[string]io.Reader{
			"whole":          bytes.NewReader(file),
			"halves":         iotest.HalfReader(bytes.NewReader(file)),
			"small pieces":   pieces{bytes.NewReader(file)},
			"end with bytes": iotest.DataErrReader(bytes.NewReader(file)),
			"gzip":           bytes.NewReader(packed(file)),
			"gzip in parts":  io.MultiReader(bytes.NewReader(packed(file[:99999])), bytes.NewReader(packed(file[99999:]))),
		} {
			f, err := NewFile(reader)
			if err != nil {
				t.Fatal(err)
			}
			packets, err := handed(t, f)
			if err != nil || len(packets) != len(shots) {
				t.Fatalf("%s, %s: %d packets, %v; want %d", name, kind, len(packets), err, len(shots))
			}
			for i, p := range packets {
				if p.Data != string(shots[i].data) || p.Time.UnixNano() != shots[i].time || p.Frame != uint64(i+1) {
					t.Fatalf("%s, %s: packet %d is another", name, kind, i+1)
				}
			}
		}
	}
}

// A reader's own error is told with the place.
func TestReadError(t *testing.T) {
	file := pcapFile(binary.LittleEndian, linkRaw, shot{1, aPacket})
	fault := errors.New("the disk is on fire")
	f, err := NewFile(io.MultiReader(bytes.NewReader(file), iotest.ErrReader(fault)))
	if err != nil {
		t.Fatal(err)
	}
	packets, err := handed(t, f)
	if !errors.Is(err, fault) || err.Error() != "packet 2 at byte 49: the disk is on fire" || len(packets) != 1 {
		t.Errorf("%d packets, %v", len(packets), err)
	}
}

// After the context ended there is at most one more batch, and no error.
func TestContextEnds(t *testing.T) {
	var shots []shot
	for i := range 1000 {
		shots = append(shots, shot{int64(i / 10), aPacket})
	}
	f, err := NewFile(bytes.NewReader(pcapFile(binary.LittleEndian, linkRaw, shots...)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err = f.Run(ctx, func(_ time.Time, batch []Packet) {
		if n += len(batch); n == 50 {
			cancel()
		}
	})
	if err != nil || n < 50 || n > 60 {
		t.Errorf("%d packets, %v; want those of 50 and at most a batch more", n, err)
	}
}

// endless is a reader without an end, which ends the context after many bytes.
type endless struct {
	left   int
	cancel func()
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left -= len(p); e.left < 0 {
		e.cancel()
	}
	clear(p)
	return len(p), nil
}

// A block of 4 GiB in a stream without end costs time and no memory, and ends with
// the context.
func TestHugeBlock(t *testing.T) {
	o := binary.LittleEndian
	head := append(sectionBlock(o), put32(o, block(o, 99, nil), 4, 1<<32-4)[:8]...)
	ctx, cancel := context.WithCancel(t.Context())
	f, err := NewFile(io.MultiReader(bytes.NewReader(head), &endless{64 << 20, cancel}))
	if err != nil {
		t.Fatal(err)
	}
	expectFrugal(t, 1<<16, func() {
		if err := discard(ctx, f); err != nil {
			t.Error(err)
		}
	})
}

// A gzip bomb costs time and no memory.
func TestGzipBomb(t *testing.T) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	o := binary.LittleEndian
	head := append(sectionBlock(o), put32(o, block(o, 99, nil), 4, 1<<32-4)[:8]...)
	zeros := make([]byte, 1<<20)
	for _, piece := range slices.Concat([][]byte{head}, slices.Repeat([][]byte{zeros}, 64)) {
		if _, err := z.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	expectFrugal(t, 1<<20, func() {
		expectBroken(t, "bomb", b.Bytes(), 0, "block at byte 28 of the unpacked file: the file ends inside it")
	})
}

// expectFrugal fails where f allocates more than so many bytes.
func expectFrugal(t *testing.T, most uint64, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > most {
		t.Errorf("%d bytes were allocated, want at most %d", took, most)
	}
}
