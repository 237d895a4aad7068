package classify_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

// capture is a packet of testdata/packets. Each file says how it was made.
type capture struct {
	name   string
	fields map[string]string
	packet []byte
}

func captures(t testing.TB) []capture {
	t.Helper()
	files, err := filepath.Glob("testdata/packets/*.hex")
	if err != nil || len(files) == 0 {
		t.Fatalf("no packets: %v", err)
	}
	var all []capture
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c := capture{name: strings.TrimSuffix(filepath.Base(file), ".hex"), fields: make(map[string]string)}
		var digits strings.Builder
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			if comment, ok := strings.CutPrefix(line, "# "); ok {
				key, value, _ := strings.Cut(comment, ": ")
				c.fields[key] = value
				continue
			}
			digits.WriteString(line)
		}
		if c.packet, err = hex.DecodeString(digits.String()); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, c)
	}
	return all
}

func TestCaptures(t *testing.T) {
	var d classify.Decoder
	policy := classifytest.Policy()
	for _, c := range captures(t) {
		m, v := judge(&d, &policy, c.packet)
		flow := "none"
		if m.Flow != (classify.Flow{}) {
			flow = m.Flow.String()
		}
		got := map[string]string{
			"verdict":      v.String(),
			"flow":         flow,
			"mtu":          strconv.Itoa(int(m.MTU)),
			"quote-length": strconv.Itoa(int(m.QuoteLength)),
		}
		for key, value := range got {
			if value != c.fields[key] {
				t.Errorf("%s: %s is %s, the file says %s", c.name, key, value, c.fields[key])
			}
		}
		if c.fields["made"] == "" || c.fields["what"] == "" {
			t.Errorf("%s does not say how it was made and what it is", c.name)
		}
		if len(m.Packet) != len(c.packet) {
			t.Errorf("%s: Packet has %d of %d bytes", c.name, len(m.Packet), len(c.packet))
		}
	}
}
