package capture

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
	"unsafe"
)

// attribute is struct nlattr with its value, padded.
func attribute(kind uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(nlaHeader+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, align4(len(value))-len(value))...)
}

// netlinkMessage frames a body.
func netlinkMessage(kind uint16, body []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(nlHeader+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, make([]byte, 10)...) // flags, sequence, port
	b = append(b, body...)
	return append(b, make([]byte, align4(len(body))-len(body))...)
}

// logMessage is what the kernel logs for one packet.
func logMessage(seq uint32, payload []byte) []byte {
	body := make([]byte, nfgenHeader)
	body = append(body, attribute(1, make([]byte, 4))...) // NFULA_PACKET_HDR
	body = append(body, attribute(attrPayload, payload)...)
	body = append(body, attribute(attrSeq, binary.BigEndian.AppendUint32(nil, seq))...)
	return netlinkMessage(packetMessage, body)
}

const nlmsgDone = 3

// collect reads datagrams and returns copies of the packets, batch by batch.
func collect(r *reader, datagrams ...[]byte) (batches [][][]byte) {
	h := func(_ time.Time, batch []Packet) {
		var copies [][]byte
		for _, p := range batch {
			copies = append(copies, bytes.Clone(p.Data))
		}
		batches = append(batches, copies)
	}
	for _, d := range datagrams {
		r.read(d, h)
	}
	r.flush(h)
	return batches
}

func noDrops() uint32 { return 0 }

func TestReadsBatchInOrder(t *testing.T) {
	datagram := append(append(logMessage(0, []byte("one")), logMessage(1, []byte("second"))...),
		netlinkMessage(nlmsgDone, make([]byte, nfgenHeader))...)
	r := &reader{drops: noDrops}
	got := collect(r, datagram, logMessage(2, []byte("3")))
	if len(got) != 1 || len(got[0]) != 3 {
		t.Fatalf("got %q, want one batch of three", got)
	}
	for i, want := range []string{"one", "second", "3"} {
		if string(got[0][i]) != want {
			t.Errorf("packet %d is %q, want %q", i, got[0][i], want)
		}
	}
	if r.gap.Load() != 0 || r.overrun.Load() != 0 {
		t.Errorf("counted %d gap, %d overrun", r.gap.Load(), r.overrun.Load())
	}
}

func TestFullBatchIsHandedOver(t *testing.T) {
	r := &reader{drops: noDrops}
	var datagrams [][]byte
	for i := range uint32(MaxBatch + 10) {
		datagrams = append(datagrams, logMessage(i, []byte{byte(i)}))
	}
	got := collect(r, datagrams...)
	if len(got) != 2 || len(got[0]) != MaxBatch || len(got[1]) != 10 {
		t.Fatalf("batches of unexpected size: %d", len(got))
	}
}

// A loss is counted once, under the reason that the socket's drop count tells.
func TestLosses(t *testing.T) {
	var drops uint32
	r := &reader{drops: func() uint32 { return drops }}
	expect := func(gap, overrun uint64) {
		t.Helper()
		if r.gap.Load() != gap || r.overrun.Load() != overrun {
			t.Errorf("gap %d overrun %d, want %d and %d", r.gap.Load(), r.overrun.Load(), gap, overrun)
		}
	}
	collect(r, logMessage(100, nil)) // where the count starts is no loss
	collect(r, logMessage(105, nil))
	expect(4, 0)
	// Both gaps stem from drops, the second is seen with the first message
	// after the socket was empty.
	drops = 2
	collect(r, logMessage(106, nil), logMessage(117, nil))
	expect(4, 10)
	r.drained = true
	collect(r, logMessage(120, nil))
	expect(4, 12)
	collect(r, logMessage(121, nil), logMessage(125, nil)) // no drops since
	expect(7, 12)
	collect(r, logMessage(0, nil)) // the group was bound anew
	expect(7, 12)
}

func TestSequenceWrapsAround(t *testing.T) {
	r := &reader{drops: noDrops}
	collect(r, logMessage(1<<32-1, nil), logMessage(0, nil), logMessage(2, nil))
	if r.gap.Load() != 1 {
		t.Errorf("gap %d, want 1", r.gap.Load())
	}
}

// What is not framed as the kernel frames it is passed over, never read beyond.
func TestBrokenFraming(t *testing.T) {
	good := logMessage(0, []byte("packet"))
	longer := bytes.Clone(good)
	binary.NativeEndian.PutUint32(longer, uint32(len(longer)+4))
	shorter := bytes.Clone(good)
	binary.NativeEndian.PutUint32(shorter, nlHeader-1)
	longAttribute := bytes.Clone(good)
	binary.NativeEndian.PutUint16(longAttribute[nlHeader+nfgenHeader:], 60000)
	for name, datagram := range map[string][]byte{
		"empty":                    {},
		"cut header":               good[:nlHeader-1],
		"length beyond the end":    longer,
		"length below the header":  shorter,
		"attribute beyond the end": longAttribute,
		"another kind of message":  netlinkMessage(packetMessage+1, good[nlHeader:]),
		"no payload":               netlinkMessage(packetMessage, make([]byte, nfgenHeader)),
	} {
		if got := collect(&reader{drops: noDrops}, datagram); len(got) != 0 {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestReadDoesNotAllocate(t *testing.T) {
	r := &reader{drops: noDrops}
	datagram := logMessage(0, make([]byte, 576))
	h := func(time.Time, []Packet) {}
	if n := testing.AllocsPerRun(100, func() { r.read(datagram, h); r.flush(h) }); n != 0 {
		t.Errorf("reading a datagram allocates %v times", n)
	}
}

// FuzzRead: whatever the bytes, packets lie within the datagram and do not
// overlap.
func FuzzRead(f *testing.F) {
	f.Add(logMessage(7, []byte("packet")))
	f.Add(append(logMessage(0, []byte("one")), logMessage(5, []byte("two"))...))
	f.Add(netlinkMessage(nlmsgDone, make([]byte, nfgenHeader)))
	f.Add(netlinkMessage(packetMessage, append(make([]byte, nfgenHeader), attribute(attrPayload|1<<15, []byte("nested"))...)))
	f.Fuzz(func(t *testing.T, data []byte) {
		datagram := bytes.Clone(data)
		datagram = datagram[:len(datagram):len(datagram)]
		r := &reader{drops: noDrops}
		var n, size int
		h := func(_ time.Time, batch []Packet) {
			for _, p := range batch {
				n++
				size += len(p.Data)
				if len(p.Data) > 0 && !within(p.Data, datagram) {
					t.Fatalf("a packet lies outside its datagram")
				}
			}
		}
		r.read(datagram, h)
		r.flush(h)
		if size > len(datagram) || n > len(datagram)/nlHeader {
			t.Fatalf("%d packets of %d bytes from %d bytes", n, size, len(datagram))
		}
	})
}

func within(part, whole []byte) bool {
	start := uintptr(unsafe.Pointer(unsafe.SliceData(whole)))
	at := uintptr(unsafe.Pointer(unsafe.SliceData(part)))
	return at >= start && at+uintptr(len(part)) <= start+uintptr(len(whole))
}
