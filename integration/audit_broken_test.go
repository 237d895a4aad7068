package integration

import (
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/gopacket/layers"

	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/labtest"
)

// Of a file that is cut off or broken there is the report so far, and an error.
func TestAuditBrokenFile(t *testing.T) {
	n := labtest.Node(t, "host")
	const whole = 3000
	frames := slices.Repeat([][]byte{ethernet(classifytest.PTB{}.Bytes())}, whole)
	plain := pcapOf(t, frames)
	record := 16 + len(frames[0])
	broken := slices.Clone(plain)
	for i := range 16 { // the header of the record in the middle
		broken[24+whole/2*record+i] = 0xff
	}
	packed := gzipOf(t, plain)
	for _, c := range []struct {
		name    string
		file    []byte
		packets int // -1: most of them
		says    string
	}{
		{"cut off", plain[:len(plain)-10], whole - 1, "packet 3000"},
		{"cut off in a record's header", plain[:len(plain)-record+3], whole - 1, "packet 3000"},
		{"broken in the middle", broken, whole / 2, "packet 1501"},
		{"gzip cut off", packed[:len(packed)-9], -1, "gzip"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := saved(t, c.file)
			a := startAudit(t, n, "--pcap", path, "--format", "json").exits(1)
			checkError(t, a.stderr.String(), c.says)
			r := a.report()
			if n := r.Messages.Packets; c.packets >= 0 && n != uint64(c.packets) || n > whole || n < whole/2 ||
				r.Messages.Verdicts["ipv4"]["eligible"] != r.Messages.Packets {
				t.Errorf("of %d packets %+v, want %d", whole, r.Messages, c.packets)
			}
			if !strings.Contains(r.Ended, c.says) || !strings.Contains(a.stderr.String(), r.Ended) {
				t.Errorf("ended %q, said %q", r.Ended, &a.stderr)
			}
			text := startAudit(t, n, "--pcap", path).exits(1).stdout.String()
			if !strings.Contains(text, r.Ended) {
				t.Errorf("the text does not say %q:\n%s", r.Ended, text)
			}
		})
	}
}

// What is no capture gets no report.
func TestAuditNoFile(t *testing.T) {
	n := labtest.Node(t, "host")
	noise := make([]byte, 10_000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	folder := t.TempDir()
	for name, c := range map[string]struct{ path, says string }{
		"noise":      {saved(t, noise), "pcap"},
		"text":       {saved(t, []byte(strings.Repeat("Packet Too Big\n", 100))), "pcap"},
		"empty":      {saved(t, nil), "empty"},
		"gzip noise": {saved(t, gzipOf(t, noise)), "pcap"},
		"missing":    {filepath.Join(folder, "missing"), "no such file"},
		"folder":     {folder, "directory"},
	} {
		t.Run(name, func(t *testing.T) { startAudit(t, n, "--pcap", c.path).refuses(c.says) })
	}
	for name, c := range map[string]struct{ config, says string }{
		"no database":      {"audit: {asn_db: " + filepath.Join(folder, "missing") + "}", "no such file"},
		"another database": {"audit: {asn_db: " + saved(t, noise) + "}", "MaxMind"},
		"unknown key":      {"audit: {speed: 1}", "speed"},
		"bad value":        {"policy: {ports: [70000]}", "policy.ports"},
	} {
		t.Run(name, func(t *testing.T) {
			path := saved(t, pcapOf(t, nil))
			startAudit(t, n, "-c", writeConfig(t, c.config+"\n"), "--pcap", path).refuses(c.says)
		})
	}
}

// An empty capture is a report of nothing, without null in it.
func TestAuditEmptyFile(t *testing.T) {
	n := labtest.Node(t, "host")
	a := startAudit(t, n, "--pcap", saved(t, newCapture(t, layers.LinkTypeRaw).buffer.Bytes()), "--format", "json").exits(0)
	if r := a.report(); r.Messages.Packets != 0 || r.Seconds != 0 || r.Ended != "" {
		t.Errorf("%+v", r)
	}
	if !json.Valid([]byte(a.stdout.String())) || strings.Contains(a.stdout.String(), "null") {
		t.Error(a.stdout.String())
	}
}
