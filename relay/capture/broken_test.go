package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// expectBroken reads a file that begins with so many whole packets, and then has a
// fault that the error tells.
func expectBroken(t *testing.T, what string, file []byte, packets int, want string) {
	t.Helper()
	f, err := NewFile(bytes.NewReader(file))
	var seen []got
	if err == nil {
		seen, err = handed(t, f)
	}
	if len(seen) != packets {
		t.Errorf("%s: %d packets handed over, want %d", what, len(seen), packets)
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: got %v, want %q", what, err, want)
	}
}

// What is no capture is called by its name.
func TestOtherFormats(t *testing.T) {
	for head, want := range map[string]string{
		"":                                     "the file is empty",
		string(packed(nil)):                    "the file is empty",
		"\x7fELF\x02\x01\x01\x00":              "an ELF program",
		"MZ\x90\x00":                           "a Windows program",
		"PK\x03\x04rest":                       "a zip archive",
		"\x28\xb5\x2f\xfdrest":                 "packed by zstd: unpack it first",
		"\xfd7zXZ\x00rest":                     "packed by xz: unpack it first",
		"BZh91AY":                              "packed by bzip2: unpack it first",
		"\x04\x22\x4d\x18rest":                 "packed by lz4: unpack it first",
		"\xa1\xb2\xcd\x34rest":                 "a pcap of a patched libpcap",
		"snoop\x00\x00\x00rest":                "a snoop capture",
		"RTSSrest":                             "a Network Monitor capture",
		"10:00:00.000000 IP 192.0.2.1 > ":      "but text",
		"ab":                                   "but text",
		"größe" + strings.Repeat("ß", 40):      "but text",
		"\x00\x01\x02\x03\x04\x05\x06\x07\x08": "it begins with 00 01 02 03 04 05 06 07",
		"\xd4\xc3":                             "it begins with d4 c3",
		string(packed(packed(nil))):            "gzip inside gzip",
		"\x1f\x8bMalformed":                    "unpack: gzip: invalid header",
		"\x1f\x8b":                             "unpack: the gzip stream is cut",
	} {
		expectBroken(t, fmt.Sprintf("%q", head), []byte(head), 0, want)
	}
}

// small files of every kind, and where they may be cut without a fault: after how
// many bytes, and how many packets they then have.
func smallFiles() map[string]struct {
	file  []byte
	whole map[int]int
} {
	type small = struct {
		file  []byte
		whole map[int]int
	}
	files := map[string]small{}
	for _, o := range byteOrders {
		pieces := [][]byte{pcapFile(o, linkRaw), pcapRecord(o, shot{1, aPacket}), pcapRecord(o, shot{1, nil}), pcapRecord(o, shot{2, aPacket})}
		files["pcap "+o.String()] = small{slices.Concat(pieces...), ends(pieces, 0, 1, 2, 3)}

		pieces = [][]byte{sectionBlock(o), interfaceBlock(o, linkRaw, 0, option(o, 2, 'e', 't', 'h', '0', '0'), option(o, optionEnd)),
			enhancedBlock(o, 0, 1, aPacket), block(o, 5, make([]byte, 12)), simpleBlock(o, uint32(len(aPacket)), aPacket),
			obsoleteBlock(o, 0, 7, aPacket), sectionBlock(o)}
		files["pcapng "+o.String()] = small{slices.Concat(pieces...), ends(pieces, 0, 0, 1, 1, 2, 3, 3)}
	}
	return files
}

// ends sums up the lengths of pieces; packets says how many there are after each.
func ends(pieces [][]byte, packets ...int) map[int]int {
	sum, m := 0, map[int]int{}
	for i, p := range pieces {
		sum += len(p)
		m[sum] = packets[i]
	}
	return m
}

// A file cut at any byte gives all whole packets before, and an error that names
// the place, except where it was cut between two.
func TestTruncation(t *testing.T) {
	for name, c := range smallFiles() {
		want, last := 0, 0
		for size := range len(c.file) + 1 {
			if n, whole := c.whole[size]; whole {
				want, last = n, size
				if _, packets := readAll(t, c.file[:size]); len(packets) != want {
					t.Errorf("%s, whole at %d: %d packets, want %d", name, size, len(packets), want)
				}
				continue
			}
			place := fmt.Sprintf(" at byte %d: the file ends inside it", last)
			if size < 4 {
				place = "" // no format yet
			}
			expectBroken(t, fmt.Sprintf("%s, cut at %d", name, size), c.file[:size], want, place)
		}
	}
}

// A gzip stream cut at any byte is an error, and what was unpacked is handed over.
func TestTruncatedGzip(t *testing.T) {
	for name, c := range smallFiles() {
		_, all := readAll(t, c.file)
		z := packed(c.file)
		if _, packets := readAll(t, z); !slices.Equal(packets, all) {
			t.Errorf("%s: unpacked it has %v, want %v", name, packets, all)
		}
		for size := 2; size < len(z); size++ {
			f, err := NewFile(bytes.NewReader(z[:size]))
			var packets []got
			if err == nil {
				packets, err = handed(t, f)
			}
			if err == nil || !strings.Contains(err.Error(), "unpack: the gzip stream is cut") {
				t.Errorf("%s, cut at %d of %d: %v", name, size, len(z), err)
			}
			if len(packets) > len(all) || !slices.Equal(packets, all[:len(packets)]) {
				t.Errorf("%s, cut at %d: other packets %v", name, size, packets)
			}
		}
		// The last 8 bytes are checksum and length.
		_, packets, err := read(t, z[:len(z)-8])
		if err == nil || !slices.Equal(packets, all) {
			t.Errorf("%s, without its checksum: %v, %v", name, packets, err)
		}
	}
}

func TestBrokenGzip(t *testing.T) {
	z := packed(pcapFile(binary.LittleEndian, linkRaw, shot{1, aPacket}))
	z[len(z)-8] ^= 1
	expectBroken(t, "checksum", z, 1, "packet 2 at byte 49 of the unpacked file: unpack: gzip: invalid checksum")
}

func TestOpenFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.pcap")
	file := pcapFile(binary.LittleEndian, linkRaw, shot{1, aPacket}, shot{2, aPacket})
	if err := os.WriteFile(path, file[:len(file)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = handed(t, f)
	if want := path + ": packet 2 at byte 49: the file ends inside it"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := f.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed twice: %v; Close left the file open", err)
	}
	if _, err := OpenFile(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := OpenFile(dir); err == nil || err.Error() != dir+": read: is a directory" {
		t.Errorf("a directory: %v", err)
	}
}
