package integration

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/control"
)

// watcher is a `ptbrelay watch` on a server.
type watcher struct {
	*lab.Process
	t testing.TB
}

func startWatch(t testing.TB, server *lab.Node, args ...string) watcher {
	t.Helper()
	return watcher{labtest.Start(t, server, append([]string{"watch"}, args...)...), t}
}

// lines are the whole lines that it has printed.
func (w watcher) lines() []string {
	lines := strings.Split(w.Log(), "\n")
	return lines[:len(lines)-1]
}

// rows are the lines of the table that are about messages, by columns.
func (w watcher) rows() (rows [][]string) {
	for _, line := range w.lines() {
		const columns = 8 // one more than the head has
		if row := strings.Fields(line); len(row) == columns {
			rows = append(rows, row)
		}
	}
	return rows
}

// shows has something done again and again until a line with this text is there.
func (w watcher) shows(text string, do func()) {
	w.t.Helper()
	labtest.Eventually(w.t, 10*time.Second, "watch shows "+text, func() error {
		do()
		if !strings.Contains(w.Log(), text) {
			return errNotYet
		}
		return nil
	})
}

// check fails the test unless it has shown messages, as JSON without unknown
// fields, and all were as they must be.
func (w watcher) check(what string, ok func(control.Event) bool) {
	w.t.Helper()
	messages := 0
	for _, line := range w.lines() {
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		var e control.Event
		if err := d.Decode(&e); err != nil {
			w.t.Fatalf("%q: %v", line, err)
		}
		if e.Verdict == "" {
			continue // it only tells what is not shown
		}
		messages++
		if !ok(e) {
			w.t.Errorf("among %s: %s", what, line)
		}
	}
	if messages == 0 {
		w.t.Errorf("nothing shown of %s", what)
	}
}

func (w watcher) signal(s syscall.Signal) {
	w.t.Helper()
	if err := w.Signal(s); err != nil {
		w.t.Fatal(err)
	}
}

// ends waits for its end and checks its exit code and error.
func (w watcher) ends(want int, says string) {
	w.t.Helper()
	code, printed := ended(w.t, w.Process)
	_, message, _ := strings.Cut("\n"+printed, "\nptbrelay: ")
	if code != want || message != strings.TrimPrefix(says, "ptbrelay: ") {
		w.t.Errorf("watch ended with %d and error %q, want %d and %q", code, message, want, says)
	}
}
