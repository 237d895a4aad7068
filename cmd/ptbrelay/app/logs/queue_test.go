package logs

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/config"
	"ptbrelay/integration/labtest"
)

// within bounds what must happen at once.
const within = 5 * time.Second

// While nobody reads the log nobody who writes to it waits, and it holds no more than
// its room; then its oldest lines are read, whole and in order, and how many were lost.
func TestQueueStuck(t *testing.T) {
	read, write := io.Pipe()
	log := Open(write, config.Log{Level: config.LevelDebug})
	direct := log.limits.log // its limits are another matter
	const all = 20_000
	direct.Debug("line", "n", 0)
	labtest.Eventually(t, within, "the queue waits for its reader", func() error {
		log.queue.mu.Lock()
		defer log.queue.mu.Unlock()
		if n := len(log.queue.waiting); n > 0 {
			return fmt.Errorf("%d bytes are not being written yet", n)
		}
		return nil
	})
	for i := 1; i < all; i++ {
		direct.Debug("line", "n", i)
	}
	log.queue.mu.Lock()
	if n := cap(log.queue.waiting); n > 2*room {
		t.Errorf("%d bytes are held, room is for %d", n, room)
	}
	log.queue.mu.Unlock()
	defer time.AfterFunc(within, func() { _ = write.Close() }).Stop()
	told := regexp.MustCompile(`log lines were lost.* lines=(\d+)$`)
	kept, lost := 0, 0
	for lines := bufio.NewScanner(read); lost == 0 && lines.Scan(); {
		if m := told.FindStringSubmatch(lines.Text()); m != nil {
			lost, _ = strconv.Atoi(m[1])
			continue
		}
		if !strings.HasSuffix(lines.Text(), fmt.Sprintf("msg=line n=%d", kept)) {
			t.Fatalf("line %d: %s", kept, lines.Text())
		}
		kept++
	}
	if lost == 0 || kept+lost != all {
		t.Errorf("%d lines kept and %d told as lost, of %d", kept, lost, all)
	}
	if !log.Close() {
		t.Error("nobody read it")
	}
}

// answering is written to with the errors that the test gives.
type answering struct {
	bytes.Buffer
	answers chan error
}

func (a *answering) Write(p []byte) (int, error) {
	if err := <-a.answers; err != nil {
		return 0, err
	}
	return a.Buffer.Write(p)
}

// What could not be written is told when something can be again, once.
func TestQueueBroken(t *testing.T) {
	out := &answering{answers: make(chan error)}
	log := Open(out, config.Log{Level: config.LevelInfo})
	for i, answer := range []error{unix.ENOSPC, unix.ENOSPC, nil} {
		log.Info("line", "n", i)
		out.answers <- answer
	}
	out.answers <- nil // of what tells
	log.Info("line", "n", 3)
	out.answers <- nil
	if !log.Close() {
		t.Fatal("nobody read it")
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, line[strings.LastIndex(line, " ")+1:])
	}
	if want := []string{"n=2\n", "lines=2\n", "n=3\n"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A line that is longer than the room is lost like any other that finds none.
func TestQueueLongLine(t *testing.T) {
	var out bytes.Buffer
	log := Open(&out, config.Log{Level: config.LevelInfo})
	log.Info("long", "text", strings.Repeat("x", room))
	log.Info("short")
	if !log.Close() {
		t.Fatal("nobody read it")
	}
	if s := out.String(); strings.Contains(s, "xxx") || !strings.Contains(s, "msg=short\n") || !strings.Contains(s, "lines=1\n") {
		t.Errorf("%.2000s", s)
	}
}
