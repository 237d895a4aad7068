package host

import (
	"errors"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// No collector takes a message that is shorter than its fixed header.
func TestCollectorsRefuseShort(t *testing.T) {
	for name, c := range map[string]collector{
		"addresses": new(addresses), "exceptions": new(exceptions), "filters": new(filters), "listeners": new(listeners),
		"neighbours": neighbours{new(ways)}, "objects": new(objects), "rules": new(rules), "tables": new(tables),
	} {
		c.begin()
		if err := c.add([]byte{unix.AF_INET}); !errors.Is(err, errShort) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A local route of an impossible prefix is an error, not a route less.
func TestTablesRefuseLocal(t *testing.T) {
	b := make([]byte, rtmsgBytes)
	b[rtmFamily], b[rtmType], b[rtmDstLen] = unix.AF_INET, unix.RTN_LOCAL, 33
	var c tables
	c.begin()
	if err := c.add(append(b, attribute(unix.RTA_DST, -1, 192, 0, 2, 1)...)); !errors.Is(err, errAddress) {
		t.Errorf("%v", err)
	}
}

// replies are what a connection says by the kind of question; to others it refuses.
type replies map[netlink.HeaderType][]netlink.Message

func (r replies) Execute(m netlink.Message) ([]netlink.Message, error) {
	said, ok := r[m.Header.Type]
	if !ok {
		return nil, errRefused
	}
	return said, nil
}

// What cannot be read is an error that says what it was, never a state that lacks it.
func TestReadFails(t *testing.T) {
	cut := []netlink.Message{{}}
	for _, c := range []struct {
		kernel replies
		want   string
	}{
		{replies{}, "read links: " + errRefused.Error()},
		{replies{unix.RTM_GETLINK: cut}, "read links: " + errShort.Error()},
		{replies{unix.RTM_GETLINK: nil}, "read local routes: " + errRefused.Error()},
		{replies{unix.RTM_GETLINK: nil, unix.RTM_GETROUTE: cut}, "read local routes: " + errShort.Error()},
	} {
		if _, err := read(c.kernel); err == nil || err.Error() != c.want {
			t.Errorf("%v: %v, want %q", c.kernel, err, c.want)
		}
	}
	for _, kernel := range []replies{{}, {unix.RTM_GETLINK: cut}} {
		if _, err := readXDP(kernel); err == nil {
			t.Errorf("%v: no error", kernel)
		}
	}
}
