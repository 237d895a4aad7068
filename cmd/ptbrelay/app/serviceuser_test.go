package app

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
)

// Root is told what another user could read: by owner, group and others of a file, of
// which the first that the user is decides, and by the folder above it.
func TestAs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	folder, err := os.MkdirTemp("", "service") // t.TempDir has folders above it that are root's alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	path := filepath.Join(folder, "key")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const id, other = 54321, 54322
	service := &user.User{Uid: strconv.Itoa(id), Gid: strconv.Itoa(id)}
	for _, c := range []struct {
		folder, mode os.FileMode
		uid, gid     int
		want         bool
	}{
		{0o755, 0o400, id, other, true},
		{0o755, 0o044, id, id, false},
		{0o755, 0o040, other, id, true},
		{0o755, 0o404, other, id, false},
		{0o755, 0o004, other, other, true},
		{0o755, 0o660, other, other, false},
		{0o700, 0o444, id, id, false},
	} {
		for _, err := range []error{os.Chmod(folder, c.folder), os.Chmod(path, c.mode), os.Chown(path, c.uid, c.gid)} {
			if err != nil {
				t.Skipf("this root is none: %v", err)
			}
		}
		var got bool
		as(service, func() {
			_, err := os.ReadFile(path)
			got = err == nil
		})
		if got != c.want {
			t.Errorf("%+v: read: %v", c, got)
		}
	}
	if _, err := os.ReadFile(path); err != nil {
		t.Errorf("root is no longer root: %v", err)
	}
}
