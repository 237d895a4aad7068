package classifytest

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
)

// maxPacket is the most that an Ethernet frame of the usual size holds, bytes.
const maxPacket = 1500

// Mutator makes hostile packets, the same ones for the same seed. It is for one
// goroutine.
type Mutator struct {
	random *rand.Rand
	corpus []Case
}

// NewMutator makes a mutator whose packets depend on the seed alone.
func NewMutator(seed uint64) *Mutator {
	return &Mutator{random: rand.New(rand.NewPCG(seed, 0)), corpus: Corpus()}
}

// Packet returns another packet of at most 1500 bytes: one of the [Corpus], a
// random PTB, or one of them mutated. It is the caller's.
func (m *Mutator) Packet() []byte {
	packet := randomPTB(m.random).Bytes()
	if m.chance(1, 3) {
		packet = bytes.Clone(m.anyCase())
	}
	if m.chance(1, 2) {
		packet = m.mutate(packet)
	}
	if len(packet) > maxPacket {
		packet = packet[:maxPacket]
		MendLength(packet)
		MendHeader(packet)
	}
	return packet
}

// mutate returns the packet changed in one to four ways: bits turned over,
// bytes set, lengths that lie, the end cut off or replaced by that of another
// packet. Mostly it then mends the outer length and the checksums, without
// which nobody would look behind them.
func (m *Mutator) mutate(packet []byte) []byte {
	packet = bytes.Clone(packet)
	ways := []func([]byte) []byte{m.flipBits, m.setByte, m.lie, m.cut, m.splice, m.stretch}
	for range 1 + m.random.IntN(4) {
		if len(packet) == 0 {
			break
		}
		packet = ways[m.random.IntN(len(ways))](packet)
	}
	if m.chance(3, 4) {
		MendLength(packet)
	}
	if m.chance(15, 16) {
		MendHeader(packet)
	}
	if m.chance(7, 8) {
		MendICMP(packet)
	}
	return packet
}

// chance is true n times of d.
func (m *Mutator) chance(n, d int) bool { return m.random.IntN(d) < n }

func (m *Mutator) anyCase() []byte { return m.corpus[m.random.IntN(len(m.corpus))].Packet }

// place is an offset into a packet; the first half of them are in the headers.
func (m *Mutator) place(packet []byte) int {
	if m.chance(1, 2) {
		return m.random.IntN(min(len(packet), 120))
	}
	return m.random.IntN(len(packet))
}

func (m *Mutator) flipBits(packet []byte) []byte {
	for range 1 + m.random.IntN(8) {
		packet[m.place(packet)] ^= 1 << m.random.IntN(8)
	}
	return packet
}

// setByte writes values at which code turns wrong.
func (m *Mutator) setByte(packet []byte) []byte {
	packet[m.place(packet)] = pick[byte](m.random, 0, 1, 4, 0x3a, 0x7f, 0x80, 0xff)
	return packet
}

// lie writes an untrue length where a packet without options or extension
// headers has one: in the outer header, or in the quoted one.
func (m *Mutator) lie(packet []byte) []byte {
	fields, nibbles := []int{2, 20 + 8 + 2}, []int{0, 20 + 8}
	if packet[0]>>4 == 6 {
		fields, nibbles = []int{4, 40 + 8 + 4, 41, 89}, []int{40 + 8}
	}
	if at := pick(m.random, fields...); m.chance(3, 4) && at+2 <= len(packet) {
		length := binary.BigEndian.Uint16(packet[at:])
		length = pick(m.random, 0, length-1, length+1, length-8, 65535, uint16(m.random.IntN(100)))
		binary.BigEndian.PutUint16(packet[at:], length)
	} else if at := pick(m.random, nibbles...); at < len(packet) {
		packet[at] = packet[at]&0xf0 | byte(m.random.IntN(16))
	}
	return packet
}

func (m *Mutator) cut(packet []byte) []byte { return packet[:m.place(packet)] }

// splice puts the end of another packet behind the beginning of this one, at
// the same offset or at another.
func (m *Mutator) splice(packet []byte) []byte {
	other := m.anyCase()
	at := m.place(packet)
	from := at
	if m.chance(1, 2) {
		from = m.random.IntN(len(other) + 1)
	}
	return append(packet[:at:at], other[min(from, len(other)):]...)
}

// stretch repeats some bytes of the packet in their place.
func (m *Mutator) stretch(packet []byte) []byte {
	at := m.place(packet)
	again := packet[at:min(at+1+m.random.IntN(64), len(packet))]
	return slices.Insert(packet, at, bytes.Clone(again)...)
}
