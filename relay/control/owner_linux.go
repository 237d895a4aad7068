package control

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// owner names the user that the socket belongs to, or its directory where that
// does not let us see.
func owner(path string) string {
	for _, p := range []string{path, filepath.Dir(path)} {
		file, err := os.Stat(p)
		if err != nil {
			continue
		}
		id := strconv.FormatUint(uint64(file.Sys().(*syscall.Stat_t).Uid), 10)
		if u, err := user.LookupId(id); err == nil {
			return fmt.Sprintf("%s (user %s)", u.Username, id)
		}
		return "user " + id
	}
	return "the daemon's user"
}
