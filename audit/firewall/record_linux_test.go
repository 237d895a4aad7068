package firewall

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tape holds what a kernel (6.18, little-endian) said to each question, in text:
// a line "?" with the question and a line "=" with each answer, both as hex.
type tape struct{ answers map[string][]answer }

// ask plays.
func (p tape) ask(q question, each func(answer) error) error {
	m, err := q.message()
	if err != nil {
		return err
	}
	all, ok := p.answers[hex.EncodeToString(m)]
	if !ok {
		return fmt.Errorf("the tape does not hold the question %x", m)
	}
	for _, a := range all {
		if err := each(a); err != nil {
			return err
		}
	}
	return nil
}

// loadTape reads one.
func loadTape(t testing.TB, path string) tape {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := tape{make(map[string][]answer)}
	question := ""
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, answerBytes*4)
	for lines.Scan() {
		mark, text, _ := strings.Cut(lines.Text(), " ")
		if mark == "?" {
			question = text
			p.answers[question] = nil
			continue
		}
		body, err := hex.DecodeString(text)
		if err != nil || mark != "=" || len(body) == 0 {
			t.Fatalf("%s: line %q: %v", path, lines.Text(), err)
		}
		p.answers[question] = append(p.answers[question], answer{family(body[0]), body[1:]})
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return p
}

// recorder asks the kernel and writes down what is said.
type recorder struct {
	kernel
	text *bytes.Buffer
}

func (r recorder) ask(q question, each func(answer) error) error {
	m, err := q.message()
	if err != nil {
		return err
	}
	if !strings.Contains(r.text.String(), fmt.Sprintf("? %x\n", m)) {
		fmt.Fprintf(r.text, "? %x\n", m)
		err = r.kernel.ask(q, func(a answer) error {
			_, err := fmt.Fprintf(r.text, "= %02x%x\n", byte(a.family), a.attributes)
			return err
		})
	}
	if err != nil {
		return err
	}
	return r.kernel.ask(q, each)
}

// record writes the tape of the rules of the calling thread's namespace.
func record(path string) error {
	r := recorder{text: new(bytes.Buffer)}
	if _, err := read(r); err != nil {
		return err
	}
	return os.WriteFile(path, r.text.Bytes(), 0o644)
}

// tapes are all of them, by name.
func tapes(t testing.TB) map[string]tape {
	t.Helper()
	if bigEndian {
		t.Skip("the tapes are of a little-endian kernel")
	}
	paths, err := filepath.Glob("testdata/*/kernel.hex")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no tapes: %v", err)
	}
	all := make(map[string]tape)
	for _, path := range paths {
		all[filepath.Base(filepath.Dir(path))] = loadTape(t, path)
	}
	return all
}
