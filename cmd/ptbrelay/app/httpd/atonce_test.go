package httpd

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// More readers than it has places for are sent away at once.
func TestAtOnce(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	h := AtOnce(2, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	}))
	ask := func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return w.Code
	}
	codes := make(chan int)
	for range 2 {
		go func() { codes <- ask() }()
		<-arrived
	}
	if code := ask(); code != http.StatusServiceUnavailable {
		t.Errorf("a third request: %d", code)
	}
	close(release)
	for range 2 {
		if code := <-codes; code != http.StatusOK {
			t.Errorf("one that was being answered: %d", code)
		}
	}
	go func() { <-arrived }()
	if code := ask(); code != http.StatusOK {
		t.Errorf("one after them: %d", code)
	}
}

// What is answered arrives as it was, with its length.
func TestAtOnceAnswer(t *testing.T) {
	h := AtOnce(1, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/x")
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("some "))
		_, _ = w.Write([]byte("text"))
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	got := w.Header()
	if w.Code != http.StatusTeapot || w.Body.String() != "some text" || got.Get("Content-Length") != "9" || got.Get("Content-Type") != "text/x" {
		t.Errorf("%d %q %v", w.Code, w.Body, got)
	}
}
