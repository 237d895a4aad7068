package capture

import (
	"bytes"
	"encoding/binary"
	"slices"
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

// loggedFrom is what the kernel logs for a packet that an Ethernet frame brought.
func loggedFrom(seq uint32, hardware, payload []byte) []byte {
	body := make([]byte, nfgenHeader)
	body = append(body, attribute(1, make([]byte, 4))...)     // NFULA_PACKET_HDR
	body = append(body, attribute(4, []byte{0, 0, 0, 2})...)  // NFULA_IFINDEX_INDEV
	body = append(body, attribute(attrHardware, hardware)...) // NFULA_HWADDR
	body = append(body, attribute(15, []byte{0, 1})...)       // NFULA_HWTYPE
	body = append(body, attribute(17, []byte{0, 14})...)      // NFULA_HWLEN
	body = append(body, attribute(16, make([]byte, 14))...)   // NFULA_HWHEADER
	body = append(body, attribute(attrPayload, payload)...)
	body = append(body, attribute(attrSeq, binary.BigEndian.AppendUint32(nil, seq))...)
	return netlinkMessage(packetMessage, body)
}

// hardware is struct nfulnl_msg_packet_hw.
func hardware(size uint16, address ...byte) []byte {
	b := append(binary.BigEndian.AppendUint16(nil, size), 0, 0)
	return append(b, append(address, make([]byte, 8-len(address))...)...)
}

// The sender is told where it is an Ethernet address, and is not that of a packet
// before.
func TestReadsSender(t *testing.T) {
	mac := [6]byte{2, 0, 0, 0, 0, 9}
	r := &reader{drops: noDrops}
	var senders [][6]byte
	h := func(_ time.Time, batch []Packet) {
		for _, p := range batch {
			senders = append(senders, p.From)
		}
	}
	for seq, datagram := range [][]byte{
		loggedFrom(0, hardware(6, mac[:]...), []byte("packet")),
		logMessage(1, []byte("from nowhere")),
		loggedFrom(2, hardware(8, 1, 2, 3, 4, 5, 6, 7, 8), []byte("from Infiniband")),
		loggedFrom(3, hardware(6, mac[:]...)[:10], []byte("cut")),
		loggedFrom(4, nil, []byte("empty")),
	} {
		r.read(datagram, h)
		r.flush(h)
		if len(senders) != seq+1 {
			t.Fatalf("%d packets, want %d", len(senders), seq+1)
		}
	}
	if want := [][6]byte{mac, {}, {}, {}, {}}; !slices.Equal(senders, want) {
		t.Errorf("senders %v, want %v", senders, want)
	}
}

// BenchmarkRead tells what a message costs, as the kernel logs it for a PTB.
func BenchmarkRead(b *testing.B) {
	const messages = 64
	var datagram []byte
	for i := range uint32(messages) {
		datagram = append(datagram, loggedFrom(i, hardware(6, 2, 0, 0, 0, 0, 9), make([]byte, 56))...)
	}
	r := &reader{drops: noDrops}
	h := func(time.Time, []Packet) {}
	b.ReportAllocs()
	for b.Loop() {
		r.read(datagram, h)
		r.flush(h)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/messages, "ns/message")
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
	f.Add(loggedFrom(0, hardware(6, 2, 0, 0, 0, 0, 9), []byte("packet")))
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
