package report

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
)

// inline is what stands in the page itself, as an element of that name.
func inline(element, content string) template.HTML {
	return template.HTML("<" + element + ">" + content + "</" + element + ">")
}

// allowed is how a content security policy names what is inline (CSP Level 3 §2.3.1).
func allowed(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// printableText is text of others, without what an eye or a terminal would be misled
// by.
func printableText(s string) string { return strings.Map(printable, s) }

// thousands groups the digits of a count, for sentences.
func thousands(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "\u202f" + digits[at:] // a narrow space that does not break
	}
	return digits
}

// ago is a time in words, to two units.
func ago(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%d h %d min", s/3600, s/60%60)
	}
	return fmt.Sprintf("%d d %d h", s/86400, s/3600%24)
}

// clock is a moment, in UTC as the logs of many servers need it.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func roundTrip(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 2, 64) + " ms"
}
