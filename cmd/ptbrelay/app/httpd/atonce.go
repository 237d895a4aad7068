package httpd

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
)

// AtOnce makes so many answers at a time; to others it says that it is busy. An answer
// is sent when it is whole and its place is free again, so who reads it slowly, or goes
// away, is nobody's trouble but his own.
func AtOnce(most int, h http.Handler) http.Handler {
	slots := make(chan struct{}, most)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
		default:
			http.Error(w, fmt.Sprintf("%d requests are being answered: try again", most), http.StatusServiceUnavailable)
			return
		}
		a := answer{ResponseWriter: w, code: http.StatusOK}
		func() {
			defer func() { <-slots }()
			h.ServeHTTP(&a, r)
		}()
		a.send()
	})
}

// answer keeps what is answered until it is sent.
type answer struct {
	http.ResponseWriter
	code int
	body bytes.Buffer
}

func (a *answer) WriteHeader(code int)        { a.code = code }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

func (a *answer) send() {
	a.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	a.ResponseWriter.WriteHeader(a.code)
	_, _ = a.ResponseWriter.Write(a.body.Bytes())
}
