package host

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ReadLogGroups reads which NFLOG groups are in use in the network namespace that
// the calling thread is in, by number, and who has them. Only root may know: for
// others the error is fs.ErrPermission. A kernel without NFLOG, or whose module
// nobody has needed yet, has none in use.
func ReadLogGroups() ([]LogGroup, error) {
	runtime.LockOSThread() // one thread's namespace, in two files
	defer runtime.UnlockOSThread()
	groups, err := readLogGroups(threadPath + "/net")
	if err != nil {
		return nil, fmt.Errorf("read NFLOG groups: %w", err)
	}
	return groups, nil
}

// readLogGroups reads the files below /proc/PID/net.
func readLogGroups(directory string) ([]LogGroup, error) {
	sockets, err := os.Open(filepath.Join(directory, "netlink"))
	if err != nil {
		return nil, err
	}
	defer sockets.Close()
	// A short line for each of 65536 groups at most. With the directory there, as
	// the file above shows, a missing file is a missing module.
	b, err := os.ReadFile(filepath.Join(directory, "netfilter/nfnetlink_log"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	groups, err := parseLogGroups(b)
	if err != nil || len(groups) == 0 {
		return nil, err
	}
	if err := nameHolders(groups, sockets); err != nil {
		return nil, err
	}
	return groups, nil
}

// parseLogGroups reads lines that begin with a group and a port id (seq_show in
// net/netfilter/nfnetlink_log.c).
func parseLogGroups(b []byte) ([]LogGroup, error) {
	var groups []LogGroup
	for line := range bytes.Lines(b) {
		fields := bytes.Fields(line)
		if len(fields) < 2 {
			return nil, fmt.Errorf("nfnetlink_log has a line %q", line)
		}
		group, err := strconv.ParseUint(string(fields[0]), 10, 16)
		if err != nil {
			return nil, fmt.Errorf("nfnetlink_log has a group %w", err)
		}
		port, err := strconv.ParseUint(string(fields[1]), 10, 32)
		if err != nil {
			return nil, fmt.Errorf("nfnetlink_log has a port id %w", err)
		}
		groups = append(groups, LogGroup{Group: uint16(group), PortID: uint32(port)})
	}
	slices.SortFunc(groups, func(a, b LogGroup) int { return cmp.Compare(a.Group, b.Group) })
	return groups, nil
}

// nameHolders sets the process of each group whose socket is in that list of
// netlink sockets and whose process may be looked at.
func nameHolders(groups []LogGroup, sockets io.Reader) error {
	ports := make(map[uint32]uint64)
	for _, g := range groups {
		ports[g.PortID] = 0
	}
	if err := findInodes(ports, sockets); err != nil {
		return err
	}
	holders, err := findHolders(slices.Collect(maps.Values(ports)))
	if err != nil {
		return err
	}
	for i := range groups {
		h := holders[ports[groups[i].PortID]]
		groups[i].PID, groups[i].Name = h.pid, h.name
		groups[i].Self = h.pid == os.Getpid()
	}
	return nil
}

// findInodes sets the inode of each port id of netfilter that has one; the list
// is that of netlink_seq_show in net/netlink/af_netlink.c: address, protocol,
// port id, six more, inode.
func findInodes(ports map[uint32]uint64, sockets io.Reader) error {
	const protocolField, portField, inodeField, fields = 1, 2, 9, 10
	netfilter := strconv.Itoa(unix.NETLINK_NETFILTER)
	lines := bufio.NewScanner(sockets)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < fields || f[protocolField] != netfilter {
			continue
		}
		port, err := strconv.ParseUint(f[portField], 10, 32)
		if err != nil {
			return fmt.Errorf("netlink has a port id %w", err)
		}
		inode, err := strconv.ParseUint(f[inodeField], 10, 64)
		if err != nil {
			return fmt.Errorf("netlink has an inode %w", err)
		}
		if _, ok := ports[uint32(port)]; ok {
			ports[uint32(port)] = inode
		}
	}
	return lines.Err()
}
