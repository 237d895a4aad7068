package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ReadSysctl reads a sysctl by its path below /proc/sys, without the space around
// its value: "net/ipv4/conf/eth0.7/rp_filter" (slashes, because names of
// interfaces may have dots). Those below net are of the network namespace that
// the calling thread is in. An error that is fs.ErrNotExist: the kernel has none
// of that name, or none in this namespace.
func ReadSysctl(path string) (string, error) {
	if path == "." || !filepath.IsLocal(path) || filepath.Clean(path) != path {
		return "", fmt.Errorf("sysctl %q: must be a path below /proc/sys, such as net/ipv4/ip_forward", path)
	}
	b, err := os.ReadFile("/proc/sys/" + path)
	if err != nil {
		return "", fmt.Errorf("read sysctl: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
