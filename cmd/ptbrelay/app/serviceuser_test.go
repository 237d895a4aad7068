package app

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
)

// Of owner, group and others the first that a user is decides.
func TestReadableBy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	me, mine, other := strconv.Itoa(os.Getuid()), strconv.Itoa(os.Getgid()), strconv.Itoa(1<<20)
	for _, c := range []struct {
		mode     os.FileMode
		uid, gid string
		want     bool
	}{
		{0o400, me, mine, true},
		{0o044, me, mine, false},
		{0o040, other, mine, true},
		{0o404, other, mine, false},
		{0o004, other, other, true},
		{0o660, other, other, false},
	} {
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := readableBy(&user.User{Uid: c.uid, Gid: c.gid}, info); got != c.want {
			t.Errorf("mode %#o, user %s, group %s: %v", c.mode, c.uid, c.gid, got)
		}
	}
}
