package config

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"unicode"
	"unicode/utf8"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// Load reads the file at path. It also tells whether nothing is in it, or nothing but
// blanks: that is good, and may be a file in the making.
func Load(path string) (c Config, empty bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return Config{}, false, fmt.Errorf("config: %w", err)
	}
	defer f.Close()
	source, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Config{}, false, fmt.Errorf("config %s: %w", path, err)
	}
	empty = len(bytes.TrimSpace(bytes.TrimPrefix(source, []byte("\ufeff")))) == 0
	c, err = Parse(bytes.NewReader(source), path)
	return c, empty, err
}

// Parse reads a configuration; name is the file in its errors. What is not
// given has its default, so an empty reader gives [Default]. An error names all
// problems, one a line, each with file, line and column; of the
// Config only Control is of use then, empty where the source is no YAML. What a flag
// may give yet is left to [Config.Validate].
func Parse(r io.Reader, name string) (Config, error) {
	source, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return Config{}, fmt.Errorf("config %s: %w", name, err)
	}
	c := Default()
	problems := parse(source, &c)
	for i := range problems {
		problems[i].File = name
	}
	if len(problems) > 0 {
		return Config{Control: c.Control}, join(problems)
	}
	return c, nil
}

// parse fills c and returns every problem, sorted by position.
func parse(source []byte, c *Config) []Problem {
	if p, ok := checkBytes(source); !ok {
		c.Control = ""
		return []Problem{p}
	}
	root, problem := readTree(string(bytes.TrimPrefix(source, []byte("\ufeff"))))
	if problem != nil {
		c.Control = ""
		return []Problem{*problem}
	}
	d := decoder{at: make(map[string]position), failed: make(map[string]bool)}
	d.root(root, c)
	for _, p := range c.problems() {
		if d.failed[p.Path] || p.missing {
			continue // the value judged is not the file's, or need not be
		}
		at := cmp.Or(d.at[p.Path], d.at[keyOf(p.Path)])
		p.Line, p.Column = at.line, at.column
		d.problems = append(d.problems, p)
	}
	sortByPosition(d.problems)
	return d.problems
}

// checkBytes refuses what is no text file of a sensible size and shape.
func checkBytes(source []byte) (Problem, bool) {
	if len(source) > maxFile {
		return Problem{Message: fmt.Sprintf("larger than %d bytes; this is no configuration", maxFile)}, false
	}
	line, column, blank := 1, 0, 0
	for i := 0; i < len(source); {
		r, n := utf8.DecodeRune(source[i:])
		i += n
		column++
		blank++
		if !isBlank(r) {
			blank = 0
		}
		at := Problem{Line: line, Column: column}
		switch {
		case r == utf8.RuneError && n == 1:
			at.Message = "not UTF-8; save the file as UTF-8"
		case unicode.IsControl(r) && !isBlank(r):
			at.Message = fmt.Sprintf("control character %U; remove it", r)
		case blank > maxBlank:
			at.Message = fmt.Sprintf("more than %d blank characters in a row; remove some", maxBlank)
		case line > maxLines:
			at.Message = fmt.Sprintf("more than %d lines; this is no configuration", maxLines)
		}
		if at.Message != "" {
			return at, false
		}
		if r == '\n' {
			line, column = line+1, 0
		}
	}
	return Problem{}, true
}
