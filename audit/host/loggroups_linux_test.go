package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// bind opens a socket on the node that is bound to NFLOG groups, and closes it
// when the test ends (linux/netfilter/nfnetlink_log.h).
func bind(t *testing.T, n *lab.Node, groups ...uint16) (c *netlink.Conn) {
	t.Helper()
	const configure, command, bindGroup = 1, 1, 1 // NFULNL_MSG_CONFIG, NFULA_CFG_CMD, NFULNL_CFG_CMD_BIND
	if err := n.Do(func() (err error) {
		if c, err = netlink.Dial(unix.NETLINK_NETFILTER, nil); err != nil {
			return err
		}
		closeAtEnd(t, c)
		for _, group := range groups {
			body := []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, byte(group >> 8), byte(group)} // struct nfgenmsg
			if _, err := c.Execute(netlink.Message{
				Header: netlink.Header{
					Type:  unix.NFNL_SUBSYS_ULOG<<8 | configure,
					Flags: netlink.Request | netlink.Acknowledge,
				},
				Data: append(body, attribute(command, -1, bindGroup)...),
			}); err != nil {
				return fmt.Errorf("bind group %d: %w", group, err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return c
}

func expectGroups(t *testing.T, n *lab.Node, want ...LogGroup) {
	t.Helper()
	var got []LogGroup
	if err := n.Do(func() (err error) {
		got, err = ReadLogGroups()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// us gives this process a name until the test ends.
func us(t *testing.T) (pid int, name string) {
	t.Helper()
	const file = "/proc/self/comm"
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rename := func(to []byte) {
		if err := os.WriteFile(file, to, 0); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(func() { rename(before) })
	rename([]byte("log (33) reader"))
	return os.Getpid(), "log (33) reader"
}

// The groups of this namespace and no other, by number, with the sockets and
// the process that hold them; what is closed is free.
func TestReadLogGroups(t *testing.T) {
	n, other := labtest.Node(t, "host"), labtest.Node(t, "other")
	pid, name := us(t)
	expectGroups(t, n)
	bind(t, other, 33)
	first := bind(t, n, 65535, 33, 0)
	second := bind(t, n, 34)
	expectGroups(t, n,
		LogGroup{0, first.PID(), pid, name, true}, LogGroup{33, first.PID(), pid, name, true},
		LogGroup{34, second.PID(), pid, name, true}, LogGroup{65535, first.PID(), pid, name, true},
	)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	expectGroups(t, n, LogGroup{34, second.PID(), pid, name, true})
}

// A socket held more than once is held by one process.
func TestReadLogGroupsHeldTwice(t *testing.T) {
	n := labtest.Node(t, "host")
	pid, name := us(t)
	c := bind(t, n, 33)
	held := ask(t, c, func(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) })
	closeAtEnd(t, descriptor(held))
	expectGroups(t, n, LogGroup{33, c.PID(), pid, name, true})
}

var errOneUser = errors.New("this user namespace has no second user")

// Ordinary users are told that they may not know, instead of an empty list.
func TestReadLogGroupsRefused(t *testing.T) {
	n := labtest.Node(t, "host")
	bind(t, n, 33)
	err := n.Do(func() error {
		if err := becomeNobody(); err != nil {
			return err
		}
		if g, err := ReadLogGroups(); !errors.Is(err, fs.ErrPermission) || g != nil {
			t.Errorf("%+v, %v, want fs.ErrPermission", g, err)
		}
		return nil
	})
	if errors.Is(err, errOneUser) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// becomeNobody has the calling thread open files as an ordinary user of no group.
func becomeNobody() error {
	const nobody = 65534
	// Not by package syscall, which changes all threads.
	_, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0)
	if errno == unix.EPERM {
		return errOneUser
	}
	if errno != 0 {
		return errno
	}
	if _, err := unix.SetfsgidRetGid(nobody); err != nil {
		return err
	}
	if _, err := unix.SetfsuidRetUid(nobody); err != nil {
		return err
	}
	if now, err := unix.SetfsuidRetUid(-1); err != nil || now != nobody { // changes nothing
		return errOneUser
	}
	return nil
}

// socketsHeader and what follows are lines of /proc/net/netlink.
const (
	socketsHeader = "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"
	routeSocket   = "00000000c56884a5 0   4711       00000000 0        0        0     2        0        77      \n"
	filterSocket  = "000000003141558d 12  4711       00000000 0        0        0     2        0        99      \n"
)

// directory is a /proc/PID/net with these files.
func directory(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	writeFiles(t, root, files)
	return root
}

func TestReadLogGroupsOfFiles(t *testing.T) {
	const groups = "netfilter/nfnetlink_log"
	free := LogGroup{Group: 33, PortID: 4711}
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []LogGroup
		err   error
		fails bool
	}{
		{"no module", map[string]string{"netlink": socketsHeader}, nil, nil, false},
		{"none bound", map[string]string{"netlink": socketsHeader, groups: ""}, nil, nil, false},
		{"holder that is not found", map[string]string{"netlink": socketsHeader + routeSocket, groups: "   33   4711     0 2 65535      1  1\n"}, []LogGroup{free}, nil, false},
		{"no /proc", nil, nil, fs.ErrNotExist, true},
		{"group too large", map[string]string{"netlink": socketsHeader, groups: "65536   4711     0\n"}, nil, nil, true},
		{"port id below zero", map[string]string{"netlink": socketsHeader, groups: "   33     -1     0\n"}, nil, nil, true},
		{"half a line", map[string]string{"netlink": socketsHeader, groups: "   33\n"}, nil, nil, true},
		{"no inode", map[string]string{"netlink": strings.Replace(filterSocket, "99", "x9", 1), groups: "33 4711\n"}, nil, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := readLogGroups(directory(t, c.files))
			if !slices.Equal(got, c.want) || c.fails != (err != nil) || c.err != nil && !errors.Is(err, c.err) {
				t.Errorf("%+v, %v, want %+v, failure %v", got, err, c.want, c.fails)
			}
		})
	}
}

// The same port id is another socket in another protocol.
func TestFindInodes(t *testing.T) {
	ports := map[uint32]uint64{4711: 0, 4712: 0}
	text := socketsHeader + routeSocket + filterSocket + routeSocket + "\nshort 12 4712\n"
	if err := findInodes(ports, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(map[uint32]uint64{4711: 99, 4712: 0}, ports); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// FuzzLogGroups holds for any text: no panic, groups in order or an error.
func FuzzLogGroups(f *testing.F) {
	f.Add([]byte("   33   4711     0 2 65535      1  1\n    1  99999     0 2 65535    100  2\n"), socketsHeader+filterSocket)
	f.Add([]byte("65535 4294967295\n"), routeSocket)
	f.Fuzz(func(t *testing.T, text []byte, sockets string) {
		groups, err := parseLogGroups(text)
		if err != nil && groups != nil || !slices.IsSortedFunc(groups, func(a, b LogGroup) int { return int(a.Group) - int(b.Group) }) {
			t.Errorf("%+v, %v", groups, err)
		}
		ports := make(map[uint32]uint64)
		for _, g := range groups {
			ports[g.PortID] = 0
		}
		known := len(ports)
		_ = findInodes(ports, strings.NewReader(sockets)) // any text may be wrong
		if len(ports) != known {
			t.Errorf("%d port ids of %d", len(ports), known)
		}
	})
}
