package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing that is wrong with a configuration. An error of
// [Parse], [Load] or [Config.Validate] joins them, one a line, and errors.As
// finds the first.
type Problem struct {
	// File, Line and Column say where, counted from 1; empty and 0 where the
	// value came from no file.
	File         string
	Line, Column int
	// Path is the key, such as "relay.limits.node" or "vips[2]"; empty where
	// the file as a whole is wrong.
	Path string
	// Message says what is wrong and what to do.
	Message string

	// missing: nothing is wrong but that the key is not given.
	missing bool
}

// Error returns "file:line:column: path: message", without the parts that are
// not known. It is one line of printable text, whatever the file holds.
func (p Problem) Error() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(printable(p.File))
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
		}
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	return b.String() + p.Message
}

// maxProblems bounds the report on a file that is wrong throughout.
const maxProblems = 100

// join makes one error of problems, nil if there are none.
func join(problems []Problem) error {
	var errs []error
	for i, p := range problems {
		if i == maxProblems {
			errs = append(errs, fmt.Errorf("and %d more problems", len(problems)-i))
			break
		}
		errs = append(errs, p)
	}
	return errors.Join(errs...)
}

// sortByPosition orders problems as they stand in the file.
func sortByPosition(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// quote returns text as it may stand in a message: as it is where that is
// plain, else quoted, and never long.
func quote(text string) string {
	const most = 64
	if len(text) > most {
		return strconv.Quote(strings.ToValidUTF8(text[:most], "")) + "..."
	}
	if text == "" || strings.ContainsAny(text, " \"'") || strconv.Quote(text) != `"`+text+`"` {
		return strconv.Quote(text)
	}
	return text
}

// printable escapes what would move a terminal's cursor or break the line.
func printable(text string) string {
	var b strings.Builder
	for _, r := range text {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

// short cuts what is long for one line.
func short(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}
