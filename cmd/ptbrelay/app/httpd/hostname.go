package httpd

import (
	"net"
	"net/http"
	"net/netip"
)

// askedAsLocal serves those who ask for localhost or for an address. A page elsewhere
// whose name was made to lead to this host (DNS rebinding) would read the answers in the
// operator's browser, and its name betrays it.
func askedAsLocal(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocalName(r.Host) {
			http.Error(w, "ask for localhost: whoever has another name for it sets http.listen to another address", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// isLocalName tells it of a Host header, with a port or without. One that is empty is no
// browser's.
func isLocalName(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	if len(name) > 1 && name[0] == '[' {
		name = name[1 : len(name)-1]
	}
	_, err = netip.ParseAddr(name)
	return name == "" || name == "localhost" || err == nil
}
