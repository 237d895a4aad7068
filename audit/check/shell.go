package check

import "strings"

// shellWord is a word of a command that a shell takes as it is: names of interfaces may
// hold all but spaces, slashes and colons (dev_valid_name in net/core/dev.c).
func shellWord(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// plain reports whether no shell sees more in a character than itself.
func plain(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return true
	}
	return strings.ContainsRune("-_./:=@%+,", r)
}
