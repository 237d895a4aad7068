package httpd

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "web.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFileThatIsBad(t *testing.T) {
	for text, want := range map[string]string{
		"tls_server_config: {cert_file: none.pem}":                       "missing one of key or key_file",
		"tls_server_config: {cert_file: none.pem, key_file: none.pem}":   "failed to read cert_file (",
		"basic_auth_users: {u: password}":                                "hashedSecret too short to be a bcrypted password",
		"colour: blue\nshape: round":                                     "line 1: field colour not found in type web.Config line 2: field shape not",
		"tls_server_config: {cert: a, key: b}":                           "failed to load X509KeyPair",
		"tls_server_config: {client_auth_type: RequireAnyClientCert, x}": "x",
	} {
		path := write(t, text)
		_, err := file(path).read()
		if err == nil || !strings.HasPrefix(err.Error(), "http.config_file: "+path+": ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q in one line", text, err, want)
		}
	}
	if _, err := file(t.TempDir()).read(); !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: %v", err)
	}
	secret := write(t, "basic_auth_users: !!map {u: !!str "+aHash+"}")
	if _, err := file(secret).read(); err == nil || strings.Contains(err.Error(), aHash) {
		t.Errorf("what only one reader knows: %v", err)
	}
	absent := filepath.Join(t.TempDir(), "absent")
	if _, err := file(absent).read(); !strings.Contains(err.Error(), "no such file") {
		t.Errorf("absent: %v", err)
	}
}

const aHash = "$2b$10$VO1r63F5S6RZzh5CfB6jU.xTYnhUqDwgum9bWfAYek9kVAtC/W5TW"

// What a file asks for, and what of it takes a restart.
func TestFileThatChanges(t *testing.T) {
	path := write(t, "")
	for _, c := range []struct {
		text  string
		begun protection
		want  error
		now   protection
	}{
		{"", protection{}, nil, protection{}},
		{"", protection{tls: true}, errTLSOff, protection{}},
		{"", protection{passwords: true}, errPasswordsOff, protection{}},
		{"basic_auth_users:\n", protection{passwords: true}, errPasswordsOff, protection{}},
		{"basic_auth_users: {u: '" + aHash + "'}", protection{}, nil, protection{passwords: true}},
		{"basic_auth_users: {u: '" + aHash + "'}", protection{tls: true, passwords: true}, errTLSOff, protection{passwords: true}},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := file(path).follow(c.begun); !errors.Is(err, c.want) {
			t.Errorf("%q after %v: %v, want %v", c.text, c.begun, err, c.want)
		}
		if now, err := file(path).read(); now != c.now || err != nil {
			t.Errorf("%q: %v, %v; want %v", c.text, now, err, c.now)
		}
	}
}

// What a server is without is said once, when it begins, as severe as it is.
func TestProtectionLog(t *testing.T) {
	for _, c := range []struct {
		file file
		p    protection
		want string
	}{
		{"", protection{}, ""},
		{"web.yaml", protection{tls: true}, "level=WARN msg=\"http.config_file protects in part: nobody is asked for a password\" tls=true passwords=false\n"},
		{"web.yaml", protection{passwords: true}, "level=WARN msg=\"http.config_file protects in part: passwords travel in the clear, for there is no TLS\" tls=false passwords=true\n"},
		{"web.yaml", protection{tls: true, passwords: true}, "level=INFO msg=\"http is protected\" tls=true passwords=true\n"},
		{"web.yaml", protection{tls: true, clients: true}, "level=INFO msg=\"http is protected\" tls=true passwords=false\n"},
	} {
		var out bytes.Buffer
		c.p.log(slog.New(slog.NewTextHandler(&out, nil)), c.file)
		if _, said, _ := strings.Cut(out.String(), " "); said != c.want {
			t.Errorf("%+v: %q, want %q", c.p, said, c.want)
		}
	}
}

// A file of passwords that is cut short opens nothing, until it is whole again.
func TestFileGuard(t *testing.T) {
	whole := "basic_auth_users: {u: '" + aHash + "'}"
	path := write(t, whole)
	for text, want := range map[string]int{whole: http.StatusNotFound, "": http.StatusServiceUnavailable, "# empty": http.StatusServiceUnavailable} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		file(path).guard(protection{passwords: true}, http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if w.Code != want {
			t.Errorf("%q: %d, want %d", text, w.Code, want)
		}
	}
}

// Whoever reaches the port writes no line of the log; what is wrong with the server
// does.
func TestServerLog(t *testing.T) {
	for text, want := range map[string]bool{
		"http: TLS handshake error from 192.0.2.7:1: EOF\n":   false,
		"http2: server: error reading preface from client\n":  false,
		"http: Accept error: too many open files; retrying\n": true,
	} {
		var b bytes.Buffer
		if n, err := (serverLog{slog.New(slog.NewTextHandler(&b, nil))}).Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("%q: %d, %v", text, n, err)
		}
		if got := strings.Contains(b.String(), `level=WARN msg="`+strings.TrimSpace(text)+`"`); got != want || (b.Len() > 0) != want {
			t.Errorf("%q: %q", text, b.String())
		}
	}
}
