package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
)

// writer writes lines and keeps the first error.
type writer struct {
	to  io.Writer
	err error
}

func (w *writer) printf(format string, args ...any) {
	if w.err == nil {
		_, w.err = fmt.Fprintf(w.to, format, plain(args)...)
	}
}

// heading begins a section.
func (w *writer) heading(format string, args ...any) {
	w.printf("\n"+format+"\n", args...)
}

// table writes lines whose cells tabs divide, two columns between them; with
// right, cells end at the right. The last cell of a line is as it is.
func (w *writer) table(flags uint, lines func(row func(format string, args ...any))) {
	t := tabwriter.NewWriter(writeErr{w}, 0, 0, 2, ' ', flags)
	lines(func(format string, args ...any) {
		_, _ = fmt.Fprintf(t, format+"\n", plain(args)...) // w keeps the error
	})
	_ = t.Flush()
}

const right = tabwriter.AlignRight

// writeErr is a writer that keeps its error.
type writeErr struct{ w *writer }

func (e writeErr) Write(b []byte) (int, error) {
	if e.w.err == nil {
		_, e.w.err = e.w.to.Write(b)
	}
	return len(b), e.w.err
}

// plain replaces what is not to be printed in text arguments: names of interfaces,
// chains and processes may hold what moves the cursor, colours the terminal or begins
// a line.
func plain(args []any) []any {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = strings.Map(printable, s)
		}
	}
	return args
}

// printable is the character, or one that stands for it. Tabs are cells of a table.
func printable(r rune) rune {
	if r == '\t' || unicode.IsPrint(r) {
		return r
	}
	return unicode.ReplacementChar
}

// percent is a share, 0 to 1, with one decimal.
func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

// plural is a count and its noun, which takes an s.
func plural(n uint64, noun string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// family is how people write a family's label.
func family(label string) string {
	switch label {
	case "ipv4":
		return "IPv4"
	case "ipv6":
		return "IPv6"
	}
	return label
}
