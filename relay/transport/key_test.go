package transport

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// testKey is the key of 32 times that byte.
func testKey(b byte) Key { return Key(bytes.Repeat([]byte{b}, keySize)) }

func hexOf(k Key) string { return hex.EncodeToString(k[:]) }

func base64Of(k Key) string { return base64.StdEncoding.EncodeToString(k[:]) }

// writeKeys writes a key file and returns its path.
func writeKeys(t *testing.T, mode fs.FileMode, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	must(t, os.WriteFile(path, []byte(text), 0o600))
	must(t, os.Chmod(path, mode)) // whatever the umask
	return path
}

func TestLoadKeys(t *testing.T) {
	a, b, c := testKey(1), testKey(0xfb), testKey(0x3f) // fb and 3f make + and / in base64
	var sixteen string
	var keys Keys
	for i := range byte(16) {
		keys = append(keys, testKey(i+1))
		sixteen += hexOf(testKey(i+1)) + "\n"
	}
	for name, c := range map[string]struct {
		text string
		mode fs.FileMode
		want Keys
	}{
		"base64":           {base64Of(a) + "\n", 0o600, Keys{a}},
		"hex":              {hexOf(b) + "\n", 0o600, Keys{b}},
		"upper-case hex":   {strings.ToUpper(hexOf(b)) + "\n", 0o600, Keys{b}},
		"no last newline":  {base64Of(b), 0o600, Keys{b}},
		"read-only":        {base64Of(b), 0o400, Keys{b}},
		"comments, blanks": {"# ours\n\n  " + hexOf(a) + "\t# new\r\n#\n" + base64Of(b) + " \r\n\r\n" + base64Of(c) + "# old", 0o600, Keys{a, b, c}},
		"sixteen":          {sixteen, 0o600, keys},
		"64 KiB":           {hexOf(a) + strings.Repeat("#", maxKeyFileSize-64), 0o600, Keys{a}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := LoadKeys(writeKeys(t, c.mode, c.text))
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%d keys, %v, want %d", len(got), err, len(c.want))
			}
		})
	}
}

// An error says where and what to do, and never shows what is in the file.
func TestLoadKeysRefuses(t *testing.T) {
	a, b := testKey(1), testKey(2)
	var seventeen string
	for i := range byte(17) {
		seventeen += hexOf(testKey(i+1)) + "\n"
	}
	for name, c := range map[string]struct {
		text string
		mode fs.FileMode
		want string
	}{
		"empty":           {"", 0o600, "ptbrelay genkey"},
		"only comments":   {"# " + hexOf(a) + "\n\n", 0o600, "ptbrelay genkey"},
		"group reads":     {hexOf(a), 0o640, "chmod 0600"},
		"others read":     {hexOf(a), 0o604, "mode is 0604"},
		"group writes":    {hexOf(a), 0o620, "chmod 0600"},
		"hex cut":         {hexOf(a) + "\n" + hexOf(b)[:63], 0o600, "line 2: not 32 bytes"},
		"hex of 33 bytes": {hexOf(a) + "01", 0o600, "line 1: not 32 bytes"},
		"base64 cut":      {"\n\n" + base64Of(a)[:43], 0o600, "line 3: not 32 bytes"},
		"31 bytes":        {base64.StdEncoding.EncodeToString(a[:31]), 0o600, "line 1: not 32 bytes"},
		"stray bits":      {base64Of(a)[:42] + "F=", 0o600, "line 1: not 32 bytes"},
		"two on a line":   {hexOf(a) + " " + hexOf(b), 0o600, "line 1: not 32 bytes"},
		"no key":          {"secret-passphrase", 0o600, "line 1: not 32 bytes"},
		"zeros":           {hexOf(a) + "\n" + hexOf(Key{}), 0o600, "line 2: a key of zeros"},
		"twice":           {hexOf(a) + "\n" + hexOf(b) + "\n\n" + base64Of(a), 0o600, "line 4: the key of line 1 again"},
		"seventeen":       {seventeen, 0o600, "line 17: more than 16 keys"},
		"too large":       {hexOf(a) + strings.Repeat("#", maxKeyFileSize-63), 0o600, "larger than 64 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeKeys(t, c.mode, c.text)
			keys, err := LoadKeys(path)
			if err == nil || keys != nil {
				t.Fatalf("%d keys, %v", len(keys), err)
			}
			text := err.Error()
			if !strings.Contains(text, c.want) || !strings.Contains(text, path) || strings.Contains(text, "\n") {
				t.Errorf("%q, want one line with %q and the path", text, c.want)
			}
			for _, secret := range []string{hexOf(a)[:20], hexOf(b)[:20], base64Of(a)[:20], "passphrase"} {
				if strings.Contains(text, secret) {
					t.Errorf("%q shows a key", text)
				}
			}
		})
	}
}

func TestLoadKeysOfNoFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := LoadKeys(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := LoadKeys(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("directory: %v", err)
	}
	pipe := filepath.Join(dir, "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	if _, err := LoadKeys(pipe); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("pipe: %v", err)
	}
}

// Kubernetes shows a secret as a symbolic link, whose own mode is 0777.
func TestLoadKeysFollowsLinks(t *testing.T) {
	for _, c := range []struct {
		mode fs.FileMode
		ok   bool
	}{{0o400, true}, {0o444, false}} {
		target := writeKeys(t, c.mode, hexOf(testKey(1)))
		link := filepath.Join(t.TempDir(), "link")
		must(t, os.Symlink(target, link))
		if keys, err := LoadKeys(link); (err == nil && len(keys) == 1) != c.ok {
			t.Errorf("link to a file of mode %#o: %d keys, %v", c.mode, len(keys), err)
		}
	}
}

// systemd gives a service with a dynamic user a file of root with an access list,
// which shows as readable by the group. Only there is it nobody's fault.
func TestLoadKeysOfSystemd(t *testing.T) {
	for _, c := range []struct {
		mode    fs.FileMode
		handed  bool
		refused bool
	}{{0o440, true, false}, {0o440, false, true}, {0o444, true, true}, {0o460, true, true}} {
		path := writeKeys(t, c.mode, hexOf(testKey(1)))
		dir := filepath.Dir(path) + "/"
		if !c.handed {
			dir = filepath.Dir(dir) + "/other"
		}
		t.Setenv("CREDENTIALS_DIRECTORY", dir)
		if _, err := LoadKeys(path); (err != nil) != c.refused {
			t.Errorf("mode %#o, credentials in %s: %v", c.mode, dir, err)
		}
	}
}

// What genkey prints is a key file, and never the same.
func TestGenerateKey(t *testing.T) {
	one, two := GenerateKey(), GenerateKey()
	if one == two || strings.ContainsAny(one, "\r\n ") {
		t.Fatalf("%q and %q", one, two)
	}
	keys, err := LoadKeys(writeKeys(t, 0o600, one+"\n"+two+"\n"))
	if err != nil || len(keys) != 2 || base64Of(keys[0]) != one {
		t.Errorf("%d keys, %v", len(keys), err)
	}
}

func TestInsecureKeys(t *testing.T) {
	if got := InsecureKeys(); !slices.Equal(got, Keys{Key{}}) {
		t.Errorf("%d keys, want one of zeros", len(got))
	}
}

// No way of printing shows a key.
func TestKeyIsNotPrinted(t *testing.T) {
	k := testKey(0xa7)
	keys := Keys{k}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%c"} {
		fmt.Fprintf(&out, verb+verb+verb, k, &k, keys)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("loaded", "key", k, "keys", keys)
	for _, secret := range []string{"a7", "A7", "167", "247", "§"} {
		if bytes.Contains(out.Bytes(), []byte(secret)) {
			t.Errorf("%s shows %s", out.Bytes(), secret)
		}
	}
}
