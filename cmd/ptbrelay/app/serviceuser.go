package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"ptbrelay/config"
)

// serviceUser is who the daemon runs as where a package installed it.
const serviceUser = "ptbrelay"

// notForService is what is wrong with files that root, who asks, reads, and the service
// does not.
func notForService(c config.Config, own string) error {
	service, err := user.Lookup(serviceUser)
	if err != nil || os.Geteuid() != 0 {
		return nil
	}
	var wrong []error
	files := []struct{ key, path string }{
		{"", own}, {"udp.key_file: ", c.UDP.KeyFile}, {"peers.file: ", c.Peers.File},
		{"http.config_file: ", c.HTTP.ConfigFile}, {"audit.asn_db: ", c.Audit.ASNDB},
	}
	for _, f := range files {
		if info, err := os.Stat(f.path); err == nil && !readableBy(service, info) {
			wrong = append(wrong, fmt.Errorf("%suser %s, who the service runs as, cannot read %s; chown %s: %[3]s", f.key, serviceUser, f.path, serviceUser))
		}
	}
	return errors.Join(wrong...)
}

// readableBy tells whether the mode of a file lets a user read it (path_resolution(7)).
func readableBy(u *user.User, info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	switch {
	case strconv.FormatUint(uint64(stat.Uid), 10) == u.Uid:
		return info.Mode()&0o400 != 0
	case strconv.FormatUint(uint64(stat.Gid), 10) == u.Gid:
		return info.Mode()&0o040 != 0
	}
	return info.Mode()&0o004 != 0
}
