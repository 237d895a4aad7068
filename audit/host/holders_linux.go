package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/prometheus/procfs"
)

// descriptorsAtOnce bounds how much of a process's list of descriptors, which may
// be millions long, is in memory.
const descriptorsAtOnce = 1024

// holder is a process that holds a socket.
type holder struct {
	pid  int
	name string
}

// findHolders finds for each inode of a socket the process with the lowest number
// that holds it. Processes that end meanwhile or that may not be looked at (of
// other users, without CAP_SYS_PTRACE) hold none.
func findHolders(inodes []uint64) (map[uint64]holder, error) {
	wanted := make(map[string]uint64)
	for _, inode := range inodes {
		if inode != 0 {
			wanted[fmt.Sprintf("socket:[%d]", inode)] = inode
		}
	}
	processes, err := procfs.AllProcs()
	if err != nil {
		return nil, err
	}
	holders := make(map[uint64]holder)
	for _, p := range processes {
		if len(wanted) == 0 {
			break
		}
		for target := range heldBy(p.PID, wanted) {
			if name, err := p.Comm(); err == nil {
				holders[wanted[target]] = holder{p.PID, name}
				delete(wanted, target)
			}
		}
	}
	return holders, nil
}

// heldBy returns which of the wanted targets of links a process has open.
func heldBy(pid int, wanted map[string]uint64) map[string]bool {
	path := filepath.Join(procfs.DefaultMountPoint, strconv.Itoa(pid), "fd")
	d, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer d.Close()
	held := make(map[string]bool)
	for {
		names, err := d.Readdirnames(descriptorsAtOnce)
		for _, name := range names {
			target, err := os.Readlink(filepath.Join(path, name))
			if _, ok := wanted[target]; err == nil && ok {
				held[target] = true
			}
		}
		if err != nil {
			return held
		}
	}
}
