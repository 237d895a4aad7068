package integration

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"testing"

	"ptbrelay/integration/lab"
)

// front serves what the ptbrelay on a node serves, at an address that the browser
// can reach. Where nobody answers on the node, it ends the connection.
func front(t testing.TB, n *lab.Node) (url string) {
	t.Helper()
	s := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "localhost:7690"
		},
		Transport: &http.Transport{DialContext: n.Dial, DisableKeepAlives: true},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) {
			panic(http.ErrAbortHandler)
		},
	})
	t.Cleanup(s.Close)
	return s.URL + "/"
}
