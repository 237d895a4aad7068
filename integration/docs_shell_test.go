package integration

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"ptbrelay/integration/labtest"
)

// here is what the first server has in the place of a path of the page.
func (o *operator) here(path string) string { return o.paths(0).Replace(path) }

// paths puts a server's files in the place of those of the page.
func (o *operator) paths(server int) *strings.Replacer {
	return strings.NewReplacer(
		"/etc/ptbrelay/", filepath.Dir(o.configs[server])+"/",
		"/usr/local/bin/", o.admin.dir+"/",
	)
}

// shell has a shell do a line on a server.
func (o *operator) shell(server int, line, input string) (code int, printed string) {
	o.t.Helper()
	line = o.paths(server).Replace(line)
	if rest, ours := strings.CutPrefix(line, "ptbrelay "); ours {
		line = "ptbrelay --config " + o.configs[server] + " " + rest
	}
	c := exec.CommandContext(o.t.Context(), "sh", "-c", line)
	c.Dir = o.admin.dir
	c.Env = append(os.Environ(), labtest.DaemonEnv()...)
	c.Env = append(c.Env, "PATH="+o.admin.dir+":"+os.Getenv("PATH"))
	c.Stdin = strings.NewReader(input)
	var out []byte
	err := o.Servers[server].Do(func() (err error) {
		out, err = c.CombinedOutput()
		return err
	})
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		o.t.Fatalf("%s: %v", line, err)
	}
	return c.ProcessState.ExitCode(), string(out)
}

// get fetches what curl would from a server: nothing, where no daemon runs.
func (o *operator) get(server int, words []string) string {
	o.t.Helper()
	if len(words) != 3 || words[1] != "-s" {
		o.t.Fatalf("the page says %q, which this test does not know", words)
	}
	select {
	case <-o.daemons[server].Exited():
		return ""
	default:
	}
	status, body := labtest.Get(o.t, o.Servers[server], "http://"+words[2])
	if status != http.StatusOK {
		o.t.Errorf("%s: status %d", words[2], status)
	}
	return body
}

// watched ends a stream of messages by Ctrl-C when it has begun.
func (o *operator) watched(server int, args []string) (code int, printed string) {
	o.t.Helper()
	p := labtest.Start(o.t, o.Servers[server], append(args, "--config", o.configs[server])...)
	labtest.Eventually(o.t, 5*time.Second, "watch has begun", func() error {
		if !strings.Contains(p.Log(), "became") {
			return errNotYet
		}
		return nil
	})
	if err := p.Signal(syscall.SIGINT); err != nil {
		o.t.Fatal(err)
	}
	return ended(o.t, p)
}
