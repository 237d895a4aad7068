package output

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile has a file hold what write writes. Until all of it is there an old one
// stays; the new one has its permissions. What is no regular file, as /dev/null, is
// written to.
func WriteFile(path string, write func(io.Writer) error) error {
	old, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return replaceFile(path, nil, write)
	case err != nil:
		return err
	case old.Mode().IsRegular():
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return err
		}
		return replaceFile(path, old, write)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// TryFile finds out, as far as can be told before there is something to write,
// whether WriteFile will do. It changes nothing.
func TryFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case err == nil && info.IsDir():
		return &fs.PathError{Op: "open", Path: path, Err: errors.New("is a directory: name a file in it")}
	case err == nil && !info.Mode().IsRegular():
		return nil // to open it may do something
	case err == nil:
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return err
		}
	}
	f, err := beside(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// beside makes a file in the same directory, which takes the place of path when it is
// renamed.
func beside(path string) (*os.File, error) {
	const mode = 0o666 // before umask
	name := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()[:8])
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
}

func replaceFile(path string, old fs.FileInfo, write func(io.Writer) error) (err error) {
	f, err := beside(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the error on the way out is the one to report
		}
	}()
	if old != nil {
		err = f.Chmod(old.Mode().Perm())
	}
	out := bufio.NewWriter(f)
	written := cmp.Or(write(out), out.Flush()) // a bufio.Writer says the same again
	if err = errors.Join(err, written, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
