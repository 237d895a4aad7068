package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/prometheus/procfs"
)

// threadPath has the files of the network namespace that the calling thread is
// in; /proc/net has those of the process's main thread.
const threadPath = "/proc/thread-self"

// thread is the calling thread as procfs knows processes. Its number is /proc's
// own, which need not be that of the PID namespace that we are in.
func thread() (procfs.Proc, error) {
	path, err := os.Readlink(threadPath) // PID/task/TID
	if err != nil {
		return procfs.Proc{}, fmt.Errorf("find the calling thread: %w", err)
	}
	tid, err := strconv.Atoi(filepath.Base(path))
	if err != nil {
		return procfs.Proc{}, fmt.Errorf("find the calling thread: %s is %s", threadPath, path)
	}
	tasks, err := procfs.NewFS(filepath.Join(procfs.DefaultMountPoint, filepath.Dir(path)))
	if err != nil {
		return procfs.Proc{}, fmt.Errorf("find the calling thread: %w", err)
	}
	return tasks.Proc(tid)
}
