package capture

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"testing"
	"time"
)

// byteOrder is little or big.
type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

var byteOrders = []byteOrder{binary.LittleEndian, binary.BigEndian}

// shot is a frame as a file is to hold it.
type shot struct {
	time int64 // nanoseconds
	data []byte
}

// pcapFile builds a pcap with times in nanoseconds.
func pcapFile(o byteOrder, link linkType, shots ...shot) []byte {
	b := o.AppendUint32(nil, 0xa1b23c4d)
	b = o.AppendUint16(b, 2)
	b = o.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...)
	b = o.AppendUint32(b, 65535)
	b = o.AppendUint32(b, uint32(link))
	for _, s := range shots {
		b = append(b, pcapRecord(o, s)...)
	}
	return b
}

func pcapRecord(o byteOrder, s shot) []byte {
	b := o.AppendUint32(nil, uint32(s.time/int64(time.Second)))
	b = o.AppendUint32(b, uint32(s.time%int64(time.Second)))
	b = o.AppendUint32(b, uint32(len(s.data)))
	b = o.AppendUint32(b, uint32(len(s.data)))
	return append(b, s.data...)
}

// pcapngFile builds a pcapng with one interface and times in nanoseconds.
func pcapngFile(o byteOrder, link linkType, shots ...shot) []byte {
	b := append(sectionBlock(o), interfaceBlock(o, link, 0, option(o, optionResolution, 9))...)
	for _, s := range shots {
		b = append(b, enhancedBlock(o, 0, uint64(s.time), s.data)...)
	}
	return b
}

// block frames a body.
func block(o byteOrder, kind uint32, body []byte) []byte {
	size := uint32(blockHeader + align4(len(body)) + blockTrailer)
	b := o.AppendUint32(nil, kind)
	b = o.AppendUint32(b, size)
	b = append(b, body...)
	b = append(b, make([]byte, align4(len(body))-len(body))...)
	return o.AppendUint32(b, size)
}

func sectionBlock(o byteOrder) []byte {
	b := o.AppendUint32(nil, sectionByteOrder)
	b = o.AppendUint16(b, 1)
	b = o.AppendUint16(b, 0)
	return block(o, blockSection, o.AppendUint64(b, 1<<64-1))
}

func interfaceBlock(o byteOrder, link linkType, snap uint32, options ...[]byte) []byte {
	b := o.AppendUint16(nil, uint16(link))
	b = o.AppendUint16(b, 0)
	b = o.AppendUint32(b, snap)
	return block(o, blockInterface, append(b, bytes.Join(options, nil)...))
}

func option(o byteOrder, kind uint16, value ...byte) []byte {
	b := o.AppendUint16(nil, kind)
	b = o.AppendUint16(b, uint16(len(value)))
	b = append(b, value...)
	return append(b, make([]byte, align4(len(value))-len(value))...)
}

func enhancedBlock(o byteOrder, id uint32, ticks uint64, data []byte) []byte {
	return block(o, blockEnhanced, packetBody(o, o.AppendUint32(nil, id), ticks, data))
}

func obsoleteBlock(o byteOrder, id uint16, ticks uint64, data []byte) []byte {
	const drops = 7
	head := o.AppendUint16(o.AppendUint16(nil, id), drops)
	return block(o, blockPacket, packetBody(o, head, ticks, data))
}

func packetBody(o byteOrder, b []byte, ticks uint64, data []byte) []byte {
	b = o.AppendUint32(b, uint32(ticks>>32))
	b = o.AppendUint32(b, uint32(ticks))
	b = o.AppendUint32(b, uint32(len(data)))
	b = o.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

// simpleBlock holds data of a packet that had size bytes.
func simpleBlock(o byteOrder, size uint32, data []byte) []byte {
	return block(o, blockSimple, append(o.AppendUint32(nil, size), data...))
}

func packed(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(data) // a Buffer takes all
	_ = z.Close()
	return b.Bytes()
}

// got is a packet as a handler got it.
type got struct {
	Time  time.Time
	From  [6]byte
	Data  string
	Frame uint64
}

// handed runs a file to its end and returns what it handed over.
func handed(t testing.TB, f *File) (packets []got, err error) {
	t.Helper()
	err = f.Run(t.Context(), func(read time.Time, batch []Packet) {
		if len(batch) == 0 || len(batch) > MaxBatch {
			t.Errorf("a batch of %d", len(batch))
		}
		for i, p := range batch {
			packets = append(packets, got{read, p.From, string(p.Data), f.Frame() + uint64(i)})
		}
	})
	return packets, err
}

// read opens a file that must be known and reads all of it.
func read(t testing.TB, data []byte) (*File, []got, error) {
	t.Helper()
	f, err := NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	packets, err := handed(t, f)
	return f, packets, err
}

// readAll is read of a file that must be whole.
func readAll(t testing.TB, data []byte) (*File, []got) {
	t.Helper()
	f, packets, err := read(t, data)
	if err != nil {
		t.Fatal(err)
	}
	return f, packets
}

// discard runs a file with a handler that does nothing.
func discard(ctx context.Context, f *File) error {
	return f.Run(ctx, func(time.Time, []Packet) {})
}
