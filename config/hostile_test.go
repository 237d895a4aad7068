package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// What a YAML reader could be made to spend minutes or its stack on. The bound
// is generous for -race on a slow machine; each takes
// milliseconds without it.
func TestHostileFilesAreBounded(t *testing.T) {
	r := strings.Repeat
	lines := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"flow lists":      "vips: " + r("[", 99000),
		"flow maps":       r("{a: ", 50000),
		"block lists":     r("- ", 150000),
		"empty items":     r("-\n", 19000),
		"ports":           "policy: {ports: [" + r("1,", 20000) + "]}",
		"bad ports":       "policy: {ports: [" + r("x,", 20000) + "]}",
		"vips":            "vips: [" + r("192.0.2.1,", 20000) + "]",
		"peers":           "peers: {static: [" + r("192.0.2.1,", 20000) + "]}",
		"interfaces":      "interfaces: [" + r("a,", 20000) + "]",
		"keys":            lines(19000, "k%d: 1\n"),
		"flow keys":       "{" + lines(19000, "k%d: 1, ") + "}",
		"blank lines":     "a: |\n" + r("\n", 300000) + "b",
		"blank runs":      "a: >\n" + r(r("\n", 900)+" x\n", 22),
		"carriage return": "a: >\n" + r("\r x", 200000),
		"folded text":     "a: x\n" + r(r("\n", 900)+" x\n", 22),
		"tabs":            "a: |\n" + r("\t", 300000) + "x",
		"long lines":      "a: |\n" + r(" "+r("yyyyyy ", 500)+"\n", 250),
		"quoted text":     "a: '" + r("\r x", 300000) + "'",
		"reserved":        r("`", 300000),
		"tags":            r("! ", 150000),
		"anchors":         r("&", 300000),
		"aliases":         r("*a ", 300000),
		"braces":          r("{}", 150000),
		"directives":      r("%\n", 19000),
		"comments":        r("# x\n", 200000),
		"one word":        r("x", maxFile),
		"too large":       r("# 4567\n", maxFile/7+1),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := parseText(text)
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("%v", took)
			}
			if err == nil && name != "ports" && name != "vips" {
				t.Error("parses")
			}
		})
	}
}

func TestLimitsOfTheFile(t *testing.T) {
	for text, want := range map[string]string{
		strings.Repeat("#234567\n", maxFile/8) + "#": "f.yaml: larger than 1048576 bytes; this is no configuration",
		strings.Repeat("#\n", maxLines) + "#":        "f.yaml:20001:1: more than 20000 lines; this is no configuration",
		strings.Repeat("\n", maxBlank+1):             "f.yaml:1001:1: more than 1000 blank characters in a row; remove some",
		strings.Repeat("k: 1\n", maxKeys+1):          "f.yaml:1001:2: more than 1000 keys; this is no configuration",
	} {
		if _, err := parseText(text); err == nil || err.Error() != want {
			t.Errorf("got %.200v, want %s", err, want)
		}
	}
	for _, text := range []string{
		strings.Repeat("#\n", maxLines-1),
		strings.Repeat("\n", maxBlank),
		strings.Repeat("#234567\n", maxLines-1) + "#" + strings.Repeat("x", maxFile-8*(maxLines-1)-1),
	} {
		if _, err := parseText(text); err != nil {
			t.Errorf("at the limit: %.200v", err)
		}
	}
}
