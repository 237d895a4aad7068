package integration

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

const (
	webUser, webPassword = "prometheus", "let me see"
	httpsRoot            = "https://localhost:7690"
)

// web is a daemon whose http is protected.
type web struct {
	t      *testing.T
	server *lab.Node
	relay  *lab.Process
	ca     *authority
	folder string
	users  string // as lines of the file
}

// prepareWeb makes all but the daemon.
func prepareWeb(t *testing.T) *web {
	t.Helper()
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 1})
	hash, err := bcrypt.GenerateFromPassword([]byte(webPassword), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	w := &web{t: t, server: l.Servers[0], ca: newAuthority(t), folder: t.TempDir()}
	w.users = fmt.Sprintf("basic_auth_users: {%s: '%s'}\n", webUser, hash)
	replaceFile(t, w.path("ca.pem"), inPEM("CERTIFICATE", w.ca.cert.Raw))
	w.renew()
	return w
}

func (w *web) path(name string) string { return filepath.Join(w.folder, name) }

// renew gives the server a new certificate, which it returns the number of.
func (w *web) renew() *big.Int {
	w.t.Helper()
	c := w.ca.issue()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		w.t.Fatal(err)
	}
	replaceFile(w.t, w.path("pair.pem"), slices.Concat(inPEM("CERTIFICATE", c.Certificate[0]), inPEM("PRIVATE KEY", key)))
	return c.Leaf.SerialNumber
}

// ask writes the file, with TLS and these keys of it besides.
func (w *web) ask(tlsKeys string) {
	w.t.Helper()
	replaceFile(w.t, w.path("web.yaml"), fmt.Appendf(nil, "tls_server_config: {cert_file: pair.pem, key_file: pair.pem%s}\n%s", tlsKeys, w.users))
}

func (w *web) run() *lab.Process {
	w.t.Helper()
	return labtest.Start(w.t, w.server, "run", "--interface", "eth0", "--config",
		writeConfig(w.t, fmt.Sprintf("http: {config_file: %s}\n", w.path("web.yaml"))))
}

// request is what a client does.
type request struct {
	url      string // empty: /readyz by https
	password string // empty: that of the file
	noUser   bool
	tls      *tls.Config
	http1    bool
}

// do is one request on a connection of its own.
func (w *web) do(r request) (response *http.Response, body string, err error) {
	if r.url == "" {
		r.url = httpsRoot + "/readyz"
	}
	if r.password == "" {
		r.password = webPassword
	}
	trusting := r.tls.Clone()
	if trusting == nil {
		trusting = new(tls.Config)
	}
	trusting.RootCAs = w.ca.pool()
	transport := &http.Transport{
		DialContext: w.server.Dial, TLSClientConfig: trusting, DisableKeepAlives: true, ForceAttemptHTTP2: !r.http1,
	}
	defer transport.CloseIdleConnections()
	q, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, r.url, nil)
	if err != nil {
		return nil, "", err
	}
	if !r.noUser {
		q.SetBasicAuth(webUser, r.password)
	}
	response, err = (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Do(q)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return response, string(b), err
}

// answers fails the test unless a request gets this status and text.
func (w *web) answers(what string, r request, status int, text string) *http.Response {
	w.t.Helper()
	response, body, err := w.do(r)
	if err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
	if response.StatusCode != status || !strings.Contains(body, text) {
		w.t.Errorf("%s: %d %q, want %d %q", what, response.StatusCode, body, status, text)
	}
	return response
}

// refuses fails the test unless no request comes to pass, by this error.
func (w *web) refuses(what string, r request, text string) {
	w.t.Helper()
	if response, _, err := w.do(r); err == nil || !strings.Contains(err.Error(), text) {
		w.t.Errorf("%s: answer %v, error %v, want %q", what, response, err, text)
	}
}

// logs waits until so many lines hold the text.
func (w *web) logs(n int, text string) {
	w.t.Helper()
	labtest.Eventually(w.t, 10*time.Second, "the daemon says "+text, func() error {
		if got := strings.Count(w.relay.Log(), text); got != n {
			return fmt.Errorf("%d times, want %d", got, n)
		}
		return nil
	})
}

func (w *web) start() {
	w.t.Helper()
	w.relay = w.run()
	labtest.Eventually(w.t, 10*time.Second, "it serves", func() error {
		_, _, err := w.do(request{})
		return err
	})
}

// With TLS and a password nothing is told without, and all is told with them.
func TestHTTPSAndPassword(t *testing.T) {
	w := prepareWeb(t)
	w.ask("")
	w.start()
	w.answers("without encryption", request{url: "http://localhost:7690/metrics"}, http.StatusBadRequest, "HTTPS server")
	for path, text := range map[string]string{
		"/metrics": "ptbrelay_build_info", "/healthz": "alive", "/readyz": "capturing", "/": "<html",
	} {
		w.answers(path+" without a user", request{url: httpsRoot + path, noUser: true}, http.StatusUnauthorized, "Unauthorized")
		w.answers(path+" with a wrong password", request{url: httpsRoot + path, password: "guess"}, http.StatusUnauthorized, "Unauthorized")
		w.answers(path, request{url: httpsRoot + path}, http.StatusOK, text)
	}
	if r := w.answers("HTTP/1.1", request{http1: true}, http.StatusOK, ""); r.ProtoMajor != 1 {
		t.Errorf("HTTP/1.1 is answered by %s", r.Proto)
	}
	if r := w.answers("HTTP/2", request{}, http.StatusOK, ""); r.ProtoMajor != 2 {
		t.Errorf("HTTP/2 is answered by %s", r.Proto)
	}
	w.refuses("TLS 1.1", request{tls: &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}}, "protocol version not supported")

	// What clients do wrong is no change of state.
	if log := w.relay.Log(); strings.Contains(log, "TLS") || strings.Count(log, `msg="http is protected" tls=true passwords=true`) != 1 {
		t.Errorf("the log:\n%s", log)
	}
	if code := labtest.Stop(t, w.relay); code != 0 {
		t.Errorf("exit code %d:\n%s", code, w.relay.Log())
	}
}

// What the file and the certificates say is in force for the next connection.
func TestHTTPSFollowsItsFiles(t *testing.T) {
	w := prepareWeb(t)
	w.ask("")
	w.start()
	for range 2 {
		want := w.renew()
		if got := w.answers("renewed", request{}, http.StatusOK, "").TLS.PeerCertificates[0].SerialNumber; got.Cmp(want) != 0 {
			t.Errorf("certificate %v, want %v", got, want)
		}
	}
	old := request{tls: &tls.Config{MaxVersion: tls.VersionTLS12}}
	w.answers("TLS 1.2", old, http.StatusOK, "")
	w.ask(", min_version: TLS13")
	w.refuses("TLS 1.2 below the floor", old, "protocol version not supported")
	w.answers("TLS 1.3", request{}, http.StatusOK, "")

	w.ask(", client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert")
	// TLS 1.2 tells it within the handshake, TLS 1.3 some time later.
	with := func(a *authority) request {
		return request{tls: &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{a.issue()}}}
	}
	w.refuses("without a certificate", old, "remote error: tls: ")
	w.refuses("with one of somebody else", with(newAuthority(t)), "remote error: tls: ")
	w.answers("with a certificate", with(w.ca), http.StatusOK, "")

	// What is bad is said once, and that it is good again, however many ask.
	const bad, good = "nobody is served until it is mended", "http.config_file is good again"
	for n, broken := range []struct {
		become func()
		says   string
	}{
		{func() { w.ask(", min_version: TLS14") }, "unknown TLS version"},
		{func() { replaceFile(t, w.path("pair.pem"), "none") }, "failed to load X509KeyPair"},
		{func() { replaceFile(t, w.path("web.yaml"), "") }, "turns TLS off, which takes a restart"},
	} {
		w.logs(n, good)
		broken.become()
		w.logs(1, broken.says)
		for range 3 {
			w.refuses(broken.says, request{}, "internal error")
		}
		w.renew()
		w.ask("")
		w.logs(n+1, good)
		w.answers("mended", request{}, http.StatusOK, "")
	}
	w.logs(2, bad)
	if log := w.relay.Log(); strings.Contains(log, "handshake") {
		t.Errorf("refused connections are in the log:\n%s", log)
	}
	if code := labtest.Stop(t, w.relay); code != 0 {
		t.Errorf("exit code %d:\n%s", code, w.relay.Log())
	}
}

// A file that is bad at the start is an error that names key and file; a limit of
// requests is kept.
func TestHTTPSRefusedAndLimited(t *testing.T) {
	w := prepareWeb(t)
	for _, bad := range []func(){
		func() {}, // there is none
		func() { w.ask(", colour: blue") },
		func() { w.ask(", client_ca_file: none.pem") },
	} {
		bad()
		p := w.run()
		code, printed := ended(t, p)
		file := w.path("web.yaml") + ": "
		if code != 1 || !strings.HasPrefix(printed, "ptbrelay: http.config_file: ") || !strings.Contains(printed, file) || strings.Count(printed, "\n") != 1 {
			t.Errorf("exit code %d, want 1 and a line about %s\n%s", code, file, printed)
		}
		nothingLeft(t, w.server)
	}
	w.users += "rate_limit: {interval: 1h, burst: 2}\n"
	w.ask("")
	w.start() // is the first
	w.answers("within the burst", request{}, http.StatusOK, "")
	w.answers("above it", request{}, http.StatusTooManyRequests, "")
}
