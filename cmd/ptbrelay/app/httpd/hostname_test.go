package httpd

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAskedAsLocal(t *testing.T) {
	h := askedAsLocal(http.NotFoundHandler())
	for host, want := range map[string]int{
		"localhost": 404, "localhost:7690": 404, "127.0.0.1:7690": 404, "[::1]:7690": 404, "[::1]": 404, "192.0.2.1": 404, "": 404,
		"attacker.example": 421, "attacker.example:7690": 421, "localhost.attacker.example": 421, "[": 421,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%q: %d, want %d", host, w.Code, want)
		}
	}
}
