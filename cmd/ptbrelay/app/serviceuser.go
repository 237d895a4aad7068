package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"ptbrelay/cmd/ptbrelay/app/httpd"
	"ptbrelay/config"
)

// serviceUser is who the daemon runs as where a package installed it.
const serviceUser = "ptbrelay"

// notForService is what is wrong with files that root, who asks, reads, and the service
// does not.
func notForService(c config.Config, own string) (err error) {
	service, unknown := user.Lookup(serviceUser)
	if unknown != nil || os.Geteuid() != 0 {
		return nil
	}
	_, protects := httpd.Check(c.HTTP.ConfigFile)
	as(service, func() {
		err = unreadable(c, own)
		if _, named := httpd.Check(c.HTTP.ConfigFile); err == nil && protects == nil && named != nil {
			err = fmt.Errorf("%w; user %s, who the service runs as, must be able to read it", named, serviceUser)
		}
	})
	return err
}

// unreadable is which files of a configuration are not for who asks to read.
func unreadable(c config.Config, own string) error {
	var wrong []error
	files := []struct{ key, path string }{
		{"", own}, {"udp.key_file: ", c.UDP.KeyFile}, {"peers.file: ", c.Peers.File},
		{"http.config_file: ", c.HTTP.ConfigFile}, {"audit.asn_db: ", c.Audit.ASNDB},
	}
	for _, f := range files {
		if err := unix.Faccessat(unix.AT_FDCWD, f.path, unix.R_OK, unix.AT_EACCESS); errors.Is(err, fs.ErrPermission) {
			wrong = append(wrong, fmt.Errorf("%suser %s, who the service runs as, cannot read %s; chown %s: %[3]s, or let that user into the folders above it", f.key, serviceUser, f.path, serviceUser))
		}
	}
	return errors.Join(wrong...)
}

// as has f read files as a user does, who root becomes for that: by the kernel's own
// judgement, for which groups, access lists and the folders above a file count too. Only
// the thread that f runs on becomes that user (setfsuid(2)), and it ends with f.
func as(u *user.User, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		groups := groupsOf(u)
		// Where root may not, f reads as root.
		_, _, _ = unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(unsafe.SliceData(groups))), 0)
		uid, _ := strconv.Atoi(u.Uid) // of Linux
		gid, _ := strconv.Atoi(u.Gid)
		_ = unix.Setfsgid(gid)
		_ = unix.Setfsuid(uid)
		f()
	}()
	<-done
}

// groupsOf are the supplementary groups of a user.
func groupsOf(u *user.User) (groups []uint32) {
	names, _ := u.GroupIds() // without a file of groups there are none
	for _, name := range names {
		if id, err := strconv.ParseUint(name, 10, 32); err == nil {
			groups = append(groups, uint32(id))
		}
	}
	return groups
}
