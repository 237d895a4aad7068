package classify_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"

	"ptbrelay/classify"
)

// naive is RFC 1071 §1 word by word.
func naive(b []byte) uint16 {
	var sum uint64
	for i, v := range b {
		if i%2 == 0 {
			sum += uint64(v) << 8
		} else {
			sum += uint64(v)
		}
	}
	for sum>>16 != 0 {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

func TestChecksumKnown(t *testing.T) {
	tests := []struct {
		name, hex string
		want      uint16
	}{
		{"RFC 1071 §3", "0001f203f4f5f6f7", ^uint16(0xddf2)},
		{"empty", "", 0xffff},
		{"one byte is the high one", "12", ^uint16(0x1200)},
		{"IPv4 header", "45000073000040004011" + "0000" + "c0a80001c0a800c7", 0xb861},
		{"IPv4 header with its checksum", "45000073000040004011" + "b861" + "c0a80001c0a800c7", 0},
	}
	for _, test := range tests {
		b, err := hex.DecodeString(test.hex)
		if err != nil {
			t.Fatal(err)
		}
		if got := classify.Checksum(b); got != test.want {
			t.Errorf("%s: %#04x, want %#04x", test.name, got, test.want)
		}
	}
}

// All ones are where carries happen; every length goes through every tail.
func TestChecksumEveryLength(t *testing.T) {
	for _, fill := range []byte{0, 1, 0x7f, 0x80, 0xfe, 0xff} {
		for n := range 200 {
			b := bytes.Repeat([]byte{fill}, n)
			if got, want := classify.Checksum(b), naive(b); got != want {
				t.Fatalf("%d bytes of %#02x: %#04x, want %#04x", n, fill, got, want)
			}
		}
	}
}

func TestChecksumProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Bytes from the ends of the range make more carries than random ones.
		one := rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte{0, 0xff, 0xfe}))
		b := rapid.SliceOfN(one, 0, 1500).Draw(t, "bytes")
		if got, want := classify.Checksum(b), naive(b); got != want {
			t.Fatalf("%#04x, want %#04x", got, want)
		}
	})
}

func TestChecksumICMPv6Property(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one := rapid.OneOf(rapid.Byte(), rapid.Just(byte(0xff)))
		header := rapid.SliceOfN(one, 40, 64).Draw(t, "header")
		message := rapid.SliceOfN(one, 0, 1300).Draw(t, "message")
		pseudo := binary.BigEndian.AppendUint32(bytes.Clone(header[8:40]), uint32(len(message)))
		pseudo = append(append(pseudo, 0, 0, 0, 58), message...)
		if got, want := classify.ChecksumICMPv6(header, message), naive(pseudo); got != want {
			t.Fatalf("%#04x, want %#04x", got, want)
		}
	})
}
