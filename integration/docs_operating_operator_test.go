package integration

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// operator does what the operating page says, on the group of the page
// about racks.
type operator struct {
	*rollout
	followed []string // headings
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	for _, program := range []string{"nft", "curl"} {
		requireProgram(t, program)
	}
	o := &operator{rollout: &rollout{racks: watchRacks(t, lab.Options{Shape: lab.ShapeRouted, Clients: 1}), admin: newAdmin(t)}}
	o.install(blocks(fileText(t, acrossPage), "yaml")[0])
	o.place(labtest.Key(0) + "\n")
	o.startAll()
	o.admin.sh(o.here(blocks(chapter(t, operatingPage, "How to ask"), "console")[0]))
	return o
}

// follow does the commands under a heading.
func (o *operator) follow(title, text string) {
	o.t.Helper()
	o.followed = append(o.followed, title)
	now := troubles[title]
	end := func() {}
	if now.begin != nil {
		end = now.begin(o)
	}
	finds := slices.Clone(now.finds)
	for _, e := range examples(text) {
		code := 0
		if i := slices.IndexFunc(finds, func(c string) bool { return strings.HasPrefix(e.line, c) }); i >= 0 {
			finds, code = slices.Delete(finds, i, i+1), 1
		}
		// What is told to a daemon shows a moment later.
		labtest.Eventually(o.t, 5*time.Second, title+": "+e.line, func() error { return o.try(e, code, now.shows) })
	}
	end()
	if len(finds) > 0 {
		o.t.Errorf("%s: no command %q", title, finds)
	}
}

// try does a line of the page, and returns what is wrong with its exit code or with
// what it prints.
func (o *operator) try(e example, want int, shows map[string]string) error {
	o.t.Helper()
	code, printed := o.do(e.line)
	if code != want {
		return fmt.Errorf("exit code %d, want %d:\n%s", code, want, printed)
	}
	if e.output != "" && !elided(shape(e.output)).MatchString(shape(printed)) {
		return fmt.Errorf("it prints\n%s\nand the page shows\n%s", printed, e.output)
	}
	for command, part := range shows {
		if strings.HasPrefix(e.line, command) && !strings.Contains(printed, part) {
			return fmt.Errorf("it prints no %q:\n%s", part, printed)
		}
	}
	return nil
}

var (
	onAll   = regexp.MustCompile(`^for s in ([a-z0-9 ]+); do ssh \$s (.*); done$`)
	onOther = regexp.MustCompile(`^ssh server([1-3]) (.*)$`)
)

// do does a line of the page, here or on other servers.
func (o *operator) do(line string) (code int, printed string) {
	o.t.Helper()
	if m := onAll.FindStringSubmatch(line); m != nil {
		for server := range strings.FieldsSeq(m[1]) {
			c, p := o.do("ssh " + server + " " + m[2])
			code, printed = max(code, c), printed+p
		}
		return code, printed
	}
	if m := onOther.FindStringSubmatch(line); m != nil {
		number, _ := strconv.Atoi(m[1])
		return o.on(number-1, m[2])
	}
	return o.on(0, line)
}

// on does a line on a server. What asks systemd or another host is done for it, the
// rest by a shell: with its input, where that is the rest of a pipe.
func (o *operator) on(server int, line string) (code int, printed string) {
	o.t.Helper()
	if first, then, both := strings.Cut(line, " && "); both {
		code, printed = o.on(server, first)
		if code != 0 {
			return code, printed
		}
		code, more := o.on(server, then)
		return code, printed + more
	}
	// Of what the page leaves out, there may be nothing else here.
	line = strings.TrimSuffix(line, " | grep -v ' 0$'")
	first, rest := cutShell(line)
	words := strings.Fields(first)
	switch {
	case words[0] == "systemctl":
		o.systemctl(server, words[1])
		return 0, ""
	case words[0] == "apt": // the package restarts the daemon
		o.systemctl(server, "restart")
		return 0, ""
	case words[0] == "timedatectl": // of the host, not of the lab
		return 0, ""
	case words[0] == "timeout" && words[2] == "tcpdump":
		writeFile(o.t, filepath.Join(o.admin.dir, "ptbs.pcap"), fileText(o.t, "testdata/blackhole.pcap"))
		return 0, ""
	case words[0] == "ip":
		o.vip(line)
		return 0, ""
	case words[0] == "ptbrelay" && words[1] == "watch":
		return o.watch(server, words[2:]...)
	case words[0] == "journalctl":
		return o.shell(server, "cat"+rest, o.journal(server, first))
	}
	return o.shell(server, line, "")
}

// here is what there is in the place of a path of the page.
func (o *operator) here(path string) string {
	return strings.ReplaceAll(path, "/usr/local/bin/", o.admin.dir+"/")
}

// shell has a shell do a line of the page on a server.
func (o *operator) shell(server int, line, input string) (code int, printed string) {
	o.t.Helper()
	return o.admin.on(o.Servers[server], o.here(line), input)
}

// cutShell cuts a line before the rest of a pipe, or where its output goes.
func cutShell(line string) (first, rest string) {
	if at := regexp.MustCompile(` [|>] `).FindStringIndex(line); at != nil {
		return line[:at[0]], line[at[0]:]
	}
	return line, ""
}
