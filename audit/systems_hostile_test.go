package audit

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/maxmind/mmdbwriter/mmdbtype"

	"ptbrelay/classify/classifytest"
)

// A tree in which both ways of every node lead to the next one has 2^128 networks in
// 128 nodes, and none of them has a record.
func TestEndlessTree(t *testing.T) {
	const nodes = 128
	var file []byte
	for i := range uint32(nodes) {
		next := binary.BigEndian.AppendUint32(nil, i+1)[1:] // 3 bytes; from the last node: nothing is known
		file = slices.Concat(file, next, next)
	}
	const separator, emptyMap = 16, 0xe0
	file = append(append(file, make([]byte, separator)...), emptyMap)
	path := filepath.Join(t.TempDir(), "endless.mmdb")
	if err := os.WriteFile(path, append(file, metadata(nodes)...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSystems(path); err == nil || !strings.Contains(err.Error(), "have no autonomous_system_number") {
		t.Error(err)
	}
}

// metadata is the end of a file, in the encoding of the MaxMind DB format
// specification 2.0.
func metadata(nodes uint32) []byte {
	const number16, number32, number64, maps = 0xa0, 0xc0, 0x00, 0xe0
	text := func(s string) []byte { return append([]byte{0x40 | byte(len(s))}, s...) }
	return slices.Concat([]byte("\xab\xcd\xefMaxMind.com"), []byte{maps | 7},
		text("node_count"), binary.BigEndian.AppendUint32([]byte{number32 | 4}, nodes),
		text("record_size"), []byte{number16 | 1, 24},
		text("ip_version"), []byte{number16 | 1, 6},
		text("database_type"), text("Test"),
		text("binary_format_major_version"), []byte{number16 | 1, 2},
		text("binary_format_minor_version"), []byte{number16 | 1, 0},
		text("build_epoch"), []byte{number64 | 1, 2, 1})
}

// A name that would clear the terminal, begin a line or fill a report does not.
func TestHostileName(t *testing.T) {
	name := "Evil\x1b[2J\nNAME\u009b" + strings.Repeat("x", 1<<20)
	o := NewObservations(systems(t, 6, map[string]mmdbtype.Map{"198.51.100.0/24": record(64496, name)}))
	o.Observe(ptb(t, classifytest.PTB{}), macA)
	got := report(o).Networks.PTBs.Systems[0].Name
	if !strings.HasPrefix(got, "AS64496 Evil�[2J�NAME�xx") || utf8.RuneCountInString(got) > len("AS64496 ")+maxName+1 {
		t.Errorf("%d characters, %.40q", utf8.RuneCountInString(got), got)
	}
}
