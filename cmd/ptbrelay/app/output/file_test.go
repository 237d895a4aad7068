package output

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func writes(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// The new text takes the place of the old as a whole, where a link leads to as well, and
// who may read it stays.
func TestWriteFile(t *testing.T) {
	folder := t.TempDir()
	file, link := filepath.Join(folder, "file"), filepath.Join(folder, "link")
	if err := os.Symlink("file", link); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(file, writes("new")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(link, writes("newer")); err != nil {
		t.Fatal(err)
	}
	disk := errors.New("disk full")
	err := WriteFile(file, func(w io.Writer) error { return errors.Join(writes("half")(w), disk) })
	if !errors.Is(err, disk) {
		t.Errorf("a failure: %v", err)
	}
	text, err := os.ReadFile(file)
	if string(text) != "newer" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if info, err := os.Lstat(file); err != nil || info.Mode() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("the link: %v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(folder); len(left) != 2 || err != nil {
		t.Errorf("left %v, %v", left, err)
	}
}

// What is no regular file is written to, and stays what it is.
func TestWriteFileToPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDWR, 0) // which waits for nobody
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := errors.Join(TryFile(pipe), WriteFile(pipe, writes("text"))); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4)
	if _, err := io.ReadFull(reader, got); err != nil || !bytes.Equal(got, []byte("text")) {
		t.Errorf("%q, %v", got, err)
	}
}

// It can be told before whether it will do, and nothing is changed by that.
func TestTryFile(t *testing.T) {
	folder := t.TempDir()
	file, dangling := filepath.Join(folder, "file"), filepath.Join(folder, "dangling")
	if err := errors.Join(os.WriteFile(file, []byte("old"), 0o600), os.Symlink("nowhere/file", dangling)); err != nil {
		t.Fatal(err)
	}
	for path, good := range map[string]bool{
		file: true, filepath.Join(folder, "new"): true, dangling: true,
		folder: false, filepath.Join(file, "below"): false, filepath.Join(folder, "nowhere", "file"): false,
	} {
		if err := TryFile(path); (err == nil) != good {
			t.Errorf("%s: %v", path, err)
		}
	}
	left, err := os.ReadDir(folder)
	text, readErr := os.ReadFile(file)
	if err := errors.Join(err, readErr); err != nil || len(left) != 2 || string(text) != "old" {
		t.Errorf("left %v, %q, %v", left, text, err)
	}
}
