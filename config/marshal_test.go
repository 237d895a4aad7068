package config

import "strings"

// marshal returns c as YAML with every key, in the order of the reference.
// [Parse] of it gives c again, if c is valid.
func marshal(c Config) []byte {
	var b strings.Builder
	var open []string
	for _, l := range leaves(&c) {
		keys := strings.Split(l.path, ".")
		sections := keys[:len(keys)-1]
		same := 0
		for same < len(sections) && same < len(open) && sections[same] == open[same] {
			same++
		}
		for depth, key := range sections[same:] {
			b.WriteString(strings.Repeat("  ", same+depth) + key + ":\n")
		}
		open = sections
		b.WriteString(strings.Repeat("  ", len(sections)) + keys[len(keys)-1] + ": " + text(l.value) + "\n")
	}
	return []byte(b.String())
}
