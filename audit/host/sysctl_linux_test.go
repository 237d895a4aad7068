package host

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

func sysctlOn(n *lab.Node, path string) (value string, err error) {
	err = n.Do(func() (err error) {
		value, err = ReadSysctl(path)
		return err
	})
	return value, err
}

// Each namespace has its own; names of interfaces may hold almost anything.
func TestReadSysctl(t *testing.T) {
	a, b := labtest.Node(t, "a"), labtest.Node(t, "b")
	names := []string{"eth0", "eth0.7", "..7", "a,b", "\xe9th0"}
	for _, n := range []*lab.Node{a, b} {
		k := kernel{n.Handle(), t}
		for i, name := range names {
			k.addVeth(name, "far"+string(rune('0'+i)), 1500, "02:00:5e:10:00:01")
		}
	}
	for _, name := range names {
		path := "net/ipv4/conf/" + name + "/rp_filter"
		for _, c := range []struct {
			node  *lab.Node
			value string
		}{{a, "1"}, {b, "2"}} {
			if err := c.node.SetSysctl(path, c.value); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := sysctlOn(a, path); err != nil || got != "1" {
			t.Errorf("%s is %q, %v, want 1", path, got, err)
		}
		if got, err := sysctlOn(b, path); err != nil || got != "2" {
			t.Errorf("%s is %q, %v, want 2", path, got, err)
		}
	}
	if err := a.SetSysctl("net/ipv4/ip_local_port_range", "20000 30000"); err != nil {
		t.Fatal(err)
	}
	if got, err := sysctlOn(a, "net/ipv4/ip_local_port_range"); err != nil || got != "20000\t30000" {
		t.Errorf("a range is %q, %v", got, err)
	}
}

func TestReadSysctlMissing(t *testing.T) {
	for _, path := range []string{"net/ipv4/conf/none/rp_filter", "net/ipv4/no_such_thing", "no/such"} {
		if value, err := ReadSysctl(path); !errors.Is(err, fs.ErrNotExist) || value != "" {
			t.Errorf("%s: %q, %v, want fs.ErrNotExist", path, value, err)
		}
	}
}

// What is no path of a sysctl is refused before anything is opened.
func TestReadSysctlRefuses(t *testing.T) {
	for _, path := range []string{
		"", ".", "..", "/", "/etc/hostname", "../uptime", "net/../../uptime", "net/ipv4/../../../uptime",
		"net//ipv4/ip_forward", "net/ipv4/ip_forward/", "./net/ipv4/ip_forward",
	} {
		value, err := ReadSysctl(path)
		if _, opened := errors.AsType[*os.PathError](err); err == nil || opened || value != "" {
			t.Errorf("%q: %q, %v", path, value, err)
		}
	}
	if value, err := ReadSysctl("net/ipv4"); err == nil {
		t.Errorf("a directory: %q", value)
	}
}
