package transport

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

const (
	maxKeys        = 16
	maxKeyFileSize = 64 << 10
)

// LoadKeys reads a key file: one key of 32 bytes a line, in hex or base64;
// blank lines and what follows a # are comments. Of a symbolic link the target
// counts.
//
// It is an error if group or others have any permission on the file, if it is
// larger than 64 KiB or no regular one, if there is no key, more than 16, the same
// one twice or one of zeros only, or if a line is no key. What systemd hands over
// by LoadCredential may be readable by its group. No error quotes the file.
func LoadKeys(path string) (Keys, error) {
	text, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return keys, nil
}

// remedy is what to do about a file that cannot be opened.
func remedy(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ": make it with ptbrelay genkey, or name another"
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf(": user %d, who runs this, must own it; chown it", os.Getuid())
	}
	return ""
}

// readSecret reads a small regular file that only its owner may read.
func readSecret(path string) ([]byte, error) {
	// Looked at before it is opened, for opening a pipe would block.
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w%s", err, remedy(err))
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("key file %s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w%s", err, remedy(err))
	}
	defer f.Close()
	if err := checkPermissions(f); err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	if len(text) > maxKeyFileSize {
		return nil, fmt.Errorf("key file %s is larger than %d KiB; it holds one key a line", path, maxKeyFileSize>>10)
	}
	return text, nil
}

func checkPermissions(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	forbidden := fs.FileMode(0o077)
	if isCredential(f.Name()) {
		forbidden = 0o037
	}
	if mode := info.Mode().Perm(); mode&forbidden != 0 {
		return fmt.Errorf("its mode is %#o, so that others than its owner have access to it; chmod 0600 it", mode)
	}
	return nil
}

// isCredential tells whether systemd made the file for this service alone
// (LoadCredential). Then group read is no group's: with DynamicUser it is the mask
// of the access list by which the service may read a file of root.
func isCredential(path string) bool {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	return dir != "" && filepath.Dir(path) == filepath.Clean(dir)
}

func parseKeys(text []byte) (Keys, error) {
	var keys Keys
	var lines []int // of each key
	for i, line := range bytes.Split(text, []byte("\n")) {
		line, _, _ = bytes.Cut(line, []byte("#"))
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		key, err := parseKey(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		if j := slices.Index(keys, key); j >= 0 {
			return nil, fmt.Errorf("line %d: the key of line %d again; remove one", i+1, lines[j])
		}
		if len(keys) == maxKeys {
			return nil, fmt.Errorf("line %d: more than %d keys; remove those that no member seals with", i+1, maxKeys)
		}
		keys, lines = append(keys, key), append(lines, i+1)
	}
	if len(keys) == 0 {
		return nil, errors.New("it holds no key; write one with: ptbrelay genkey")
	}
	return keys, nil
}

// parseKey reads a key in hex or base64. 64 hex digits would be 48 bytes of
// base64, so no line can be read both ways.
func parseKey(line []byte) (Key, error) {
	raw := make([]byte, len(line))
	n, err := hex.Decode(raw, line)
	if err != nil || n != keySize {
		n, err = base64.StdEncoding.Strict().Decode(raw, line)
	}
	if err != nil || n != keySize {
		return Key{}, fmt.Errorf("not %d bytes in hex (%d digits) or base64 (%d characters); ptbrelay genkey prints such a line",
			keySize, hex.EncodedLen(keySize), base64.StdEncoding.EncodedLen(keySize))
	}
	key := Key(raw[:n])
	if key == (Key{}) {
		return Key{}, errors.New("a key of zeros only is no secret; write one with: ptbrelay genkey")
	}
	return key, nil
}
