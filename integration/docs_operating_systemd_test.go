package integration

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ptbrelay/integration/labtest"
)

// systemctl does what systemd would with the unit.
func (o *operator) systemctl(server int, verb string) {
	o.t.Helper()
	switch verb {
	case "start":
		o.start(server)
	case "stop":
		o.stop(server)
	case "restart":
		o.stop(server)
		o.start(server)
	case "reload":
		o.reload(server)
	case "status":
	default:
		o.t.Fatalf("the page says systemctl %s, which this test does not know", verb)
	}
}

func (o *operator) start(server int) { o.daemons[server] = o.run(server) }

func (o *operator) stop(server int) { labtest.Stop(o.t, o.daemons[server]) }

// reload returns when the daemon has taken or refused its configuration.
func (o *operator) reload(server int) {
	o.t.Helper()
	hangUp(o.t, o.daemons[server], `"configuration re`) // read again, or refused
}

var (
	grepped = regexp.MustCompile(` -g '?([^']+?)'?( -n|$)`)
	last    = regexp.MustCompile(` -n (\d+)`)
)

// journal is what journalctl prints of a server's daemon, without the journal's own
// part of each line. That a pattern is found at all is proved by the daemon's source,
// where what it tells of has not happened.
func (o *operator) journal(server int, line string) (text string) {
	o.t.Helper()
	lines := strings.SplitAfter(o.daemons[server].Log(), "\n")
	keep := func(pattern string) {
		matching := regexp.MustCompile(pattern)
		lines = slices.DeleteFunc(lines, func(l string) bool { return !matching.MatchString(l) })
	}
	if strings.Contains(line, " -p warning") {
		keep("level=(WARN|ERROR)")
	}
	if m := grepped.FindStringSubmatch(line); m != nil {
		keep(m[1])
		if len(lines) == 0 && !said(o.t, m[1]) {
			o.t.Errorf("%s: the daemon never says that", line)
		}
	}
	if m := last.FindStringSubmatch(line); m != nil {
		n, _ := strconv.Atoi(m[1])
		lines = lines[max(0, len(lines)-n):]
	}
	return strings.Join(lines, "")
}

// said reports whether words are in the source of the daemon.
func said(t *testing.T, words string) (found bool) {
	t.Helper()
	for _, root := range []string{"../cmd", "../relay"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				found = found || strings.Contains(fileText(t, path), words)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}
