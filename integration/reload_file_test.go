package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

const (
	readAgain     = `"configuration read again"`
	refusedAgain  = `"configuration refused`
	reloadSuccess = "ptbrelay_config_reload_success"
)

// configured is a daemon whose configuration's file the test changes. Each of its
// contents serves one port, and only that.
type configured struct {
	t     *testing.T
	lab   *lab.Lab
	relay *lab.Process
	path  string
	port  uint16 // the last that was given
	flow  uint16 // the client's port of the last PTB
}

// next returns a configuration of a port that no other had.
func (c *configured) next() (text string) {
	c.port++
	return fmt.Sprintf("# %s\npolicy: {ports: [%d]}\n", strings.Repeat("x", 4000), c.port)
}

// serves waits until a PTB about the port given last is eligible, so that all of its
// configuration is in force.
func (c *configured) serves(way string) {
	c.t.Helper()
	server := c.lab.Servers[0]
	relayed := func() float64 { return metricsOf(c.t, server)[outcomeMetric("ipv4", "relayed")] }
	before := relayed()
	labtest.Eventually(c.t, 10*time.Second, "what was "+way+" is in force", func() error {
		c.flow++
		labtest.FromRouter(c.t, c.lab, 0, classifytest.PTB{VIPPort: c.port, ClientPort: c.flow}.Bytes())
		if relayed() == before {
			return errNotYet
		}
		return nil
	})
}

// must is for the steps of a test.
func (c *configured) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *configured) write(path, text string) { c.must(os.WriteFile(path, []byte(text), 0o600)) }

// rename is what editors and configuration management do.
func (c *configured) rename(text string) { replaceFile(c.t, c.path, text) }

// says returns the log when it has a text so many times: it is written after the
// metrics have changed.
func (c *configured) says(text string, times int) (log string) {
	c.t.Helper()
	labtest.Eventually(c.t, 5*time.Second, fmt.Sprintf("the log says %s %d times", text, times), func() error {
		if log = c.relay.Log(); strings.Count(log, text) < times {
			return errNotYet
		}
		return nil
	})
	return log
}

// link makes a new version of a volume as the kubelet does for a ConfigMap: the file
// leads to ..data, that leads to a folder, and a rename replaces ..data.
func (c *configured) link(text string) {
	volume := filepath.Dir(c.path)
	version := fmt.Sprintf("..%d", c.port)
	c.must(os.Mkdir(filepath.Join(volume, version), 0o700))
	c.write(filepath.Join(volume, version, "config.yaml"), text)
	old, err := os.Readlink(filepath.Join(volume, "..data"))
	c.must(os.Symlink(version, filepath.Join(volume, "..data_tmp")))
	c.must(os.Rename(filepath.Join(volume, "..data_tmp"), filepath.Join(volume, "..data")))
	if err == nil {
		c.must(os.RemoveAll(filepath.Join(volume, old)))
	}
}

// startConfigured starts the daemon with a file that is linked as in a ConfigMap.
func startConfigured(t *testing.T) *configured {
	t.Helper()
	c := &configured{t: t, port: 1000, path: filepath.Join(t.TempDir(), "etc", "config.yaml")}
	c.lab = labtest.New(t, lab.Options{Clients: 1, Servers: 1})
	c.must(os.Mkdir(filepath.Dir(c.path), 0o700))
	c.link(c.next())
	c.must(os.Symlink("..data/config.yaml", c.path))
	c.relay = labtest.StartRelay(t, c.lab.Servers[0], "--config", c.path)
	c.serves("there at the start")
	return c
}

// However the file is replaced, its new content takes effect, once; without a signal.
func TestReloadFollowsTheFile(t *testing.T) {
	c := startConfigured(t)
	for _, way := range []struct {
		name    string
		replace func(text string)
	}{
		{"linked", c.link},
		{"linked again", c.link},
		{"renamed", c.rename},
		{"renamed again", c.rename},
		{"written", func(text string) { c.write(c.path, text) }},
		{"written in steps", func(text string) {
			f, err := os.Create(c.path)
			c.must(err)
			for _, part := range strings.SplitAfter(text, "x") {
				_, err := f.WriteString(part)
				c.must(err)
			}
			c.must(f.Close())
		}},
		{"made anew", func(text string) {
			c.must(os.Remove(c.path))
			c.write(c.path, text)
		}},
		{"in a new folder", func(text string) {
			folder := filepath.Dir(c.path)
			c.must(os.Mkdir(folder+".new", 0o700))
			c.write(filepath.Join(folder+".new", "config.yaml"), text)
			c.must(os.Rename(folder, folder+".old"))
			c.must(os.Rename(folder+".new", folder))
		}},
		{"renamed in the new folder", c.rename},
	} {
		before := strings.Count(c.relay.Log(), readAgain)
		way.replace(c.next())
		c.serves(way.name)
		if n := strings.Count(c.relay.Log(), readAgain+" cause=file") - before; n != 1 {
			t.Errorf("%s: read %d times, want once", way.name, n)
		}
	}
	if log := c.relay.Log(); strings.Contains(log, refusedAgain) {
		t.Errorf("something was refused:\n%s", log)
	}
	checkLaws(t, c.lab.Servers[0])
}

// Of a thousand changes in a row few are read, and the last one is in force.
func TestReloadOfAThousandChanges(t *testing.T) {
	c := startConfigured(t)
	begin := time.Now()
	for range 500 {
		c.rename(c.next())
		c.write(c.path, c.next())
	}
	c.serves("written last")
	// What stirs for long is read once a second.
	most := 2 + int(time.Since(begin)/time.Second)
	if n := strings.Count(c.relay.Log(), readAgain); n < 1 || n > most {
		t.Errorf("read %d times, want at most %d", n, most)
	}
}

// A content that is no configuration changes nothing, and the log and a metric say so
// until it is mended; what says the same as before says nothing.
func TestReloadRefusesTheFile(t *testing.T) {
	c := startConfigured(t)
	server := c.lab.Servers[0]
	good := c.next()
	c.rename(good)
	c.serves("good")
	for _, bad := range []struct {
		name   string
		become func()
		says   string
	}{
		{"a bad key", func() { c.rename("policy: {port: [1]}\n") }, "policy.port: "},
		{"half of it", func() { c.write(c.path, "policy: {ports: [1, ") }, "config.yaml:1:"},
		{"nothing yet", func() { c.write(c.path, "") }, "it is empty and was not before"},
		{"gone", func() { c.must(os.Remove(c.path)) }, "no such file"},
	} {
		reads, refusals := strings.Count(c.relay.Log(), readAgain), strings.Count(c.relay.Log(), refusedAgain)
		bad.become()
		await(t, server, reloadSuccess, 0)
		log := c.says(refusedAgain, refusals+1)
		if line := log[strings.LastIndex(log, refusedAgain):]; !strings.Contains(line, bad.says) || !strings.Contains(line, "cause=file") {
			t.Errorf("%s: it says %s, want %q", bad.name, line, bad.says)
		}
		c.serves("good before")
		c.write(c.path, good)
		await(t, server, reloadSuccess, 1)
		log = c.says(readAgain, reads+1)
		if r, f := strings.Count(log, readAgain)-reads, strings.Count(log, refusedAgain)-refusals; r != 1 || f != 1 {
			t.Errorf("%s: read %d times and refused %d times, want once each:\n%s", bad.name, r, f, log)
		}
	}
	before := strings.Count(c.relay.Log(), readAgain)
	c.rename(good)
	hangUp(t, c.relay, readAgain+" cause=signal changed=[]")
	c.rename(c.next())
	c.serves("renamed")
	if n := strings.Count(c.relay.Log(), readAgain) - before; n != 2 {
		t.Errorf("read %d times, want once by the signal and once since it changed:\n%s", n, c.relay.Log())
	}
}
