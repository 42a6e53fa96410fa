package outside

import (
	"fmt"
	"net"
	"net/http"
)

// recordRequests writes every request down before it is answered.
func recordRequests(j *journal, kind string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := Entry{Host: localAddress(r), Service: kind, Protocol: "tcp", From: r.RemoteAddr}
		e.Request = fmt.Sprintf("%s %s on %s", r.Method, r.URL.RequestURI(), r.Host)
		j.add(e)
		next.ServeHTTP(w, r)
	})
}

// greet says which host answered and whom it saw.
func greet(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, greeting(localAddress(r), r.RemoteAddr))
}

func greeting(local, remote string) string { return fmt.Sprintf("outside %s saw %s", local, remote) }

func localAddress(r *http.Request) string {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		return local.String()
	}
	return ""
}
