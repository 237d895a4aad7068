package capture

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"
)

// manyFrames alternates PTBs of 70 bytes and TCP packets captured at 96 bytes.
func manyFrames(n int) (shots []shot) {
	ptb := etherFrame([]byte{8, 0}, make([]byte, 56))
	tcp := etherFrame([]byte{0x86, 0xdd}, make([]byte, 82))
	for i := range n {
		data := ptb
		if i%2 == 1 {
			data = tcp
		}
		shots = append(shots, shot{int64(i) * 1000, data})
	}
	return shots
}

// Reading allocates what it needs at the start, and nothing for a packet.
func TestFileDoesNotAllocate(t *testing.T) {
	o := binary.LittleEndian
	for name, build := range map[string]func(byteOrder, linkType, ...shot) []byte{"pcap": pcapFile, "pcapng": pcapngFile} {
		allocs := func(n int) float64 {
			file := build(o, linkEthernet, manyFrames(n)...)
			return testing.AllocsPerRun(10, func() {
				f, err := NewFile(bytes.NewReader(file))
				if err == nil {
					err = discard(context.Background(), f)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		if few, many := allocs(10), allocs(20000); few != many {
			t.Errorf("%s: %v allocations for 10 packets, %v for 20000", name, few, many)
		}
	}
}

// BenchmarkFile tells what a packet costs to read.
func BenchmarkFile(b *testing.B) {
	const packets = 100_000
	for _, c := range []struct {
		name string
		file []byte
	}{
		{"pcap", pcapFile(binary.LittleEndian, linkEthernet, manyFrames(packets)...)},
		{"pcapng", pcapngFile(binary.LittleEndian, linkEthernet, manyFrames(packets)...)},
		{"gzip", packed(pcapFile(binary.LittleEndian, linkEthernet, manyFrames(packets)...))},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f, err := NewFile(bytes.NewReader(c.file))
				if err != nil {
					b.Fatal(err)
				}
				if err := discard(b.Context(), f); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/packets, "ns/packet")
		})
	}
}
