package probes

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
)

// pathPrefix starts the path that carries nonce and token: a proxy on the way
// may strip headers, but not the path.
const pathPrefix = "/partywall/"

// answerHeader has the answer to HEAD, which has no body.
const answerHeader = "Partywall-Answer"

type arrivalKey struct{}

// arrival is what the requests on one connection have in common.
type arrival struct {
	visit *visit
	asked atomic.Bool
}

// receiptOf is the number of a request's receipt: that of its connection, or,
// where a proxy sends the requests of several clients on one, a further one.
func (t *Target) receiptOf(do Do, port int, r *http.Request) uint64 {
	a := r.Context().Value(arrivalKey{}).(*arrival)
	if !a.asked.Swap(true) {
		return a.visit.seq
	}
	return t.ledger.open(string(do), port, remoteOf(a.visit.RemoteAddr()), true)
}

func (t *Target) listenHTTP(host string, port int) (int, error) {
	return t.listenWeb(DoHTTP, host, port, func(_ *http.Server, l net.Listener) net.Listener { return l })
}

// listenWeb opens a listener for HTTP; shape makes another kind of it.
func (t *Target) listenWeb(do Do, host string, port int, shape func(*http.Server, net.Listener) net.Listener) (int, error) {
	w, err := t.witness(host, string(do), port)
	if err != nil {
		return 0, err
	}
	srv := newHTTPServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { t.answerHTTP(do, w.port, rw, r) }))
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, arrivalKey{}, &arrival{visit: visitOf(c)})
	}
	t.closers = append(t.closers, srv.Close)
	l := shape(srv, w)
	t.serve = append(t.serve, func(context.Context) error { return serveHTTP(srv, l) })
	return w.port, nil
}

// visitOf finds the accepted connection inside of TLS.
func visitOf(c net.Conn) *visit {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	return c.(*visit)
}

// newHTTPServer has no keep-alive, so that each request has a receipt of its own.
func newHTTPServer(h http.Handler) *http.Server {
	srv := &http.Server{Handler: h, ReadTimeout: connLife, WriteTimeout: connLife, MaxHeaderBytes: 8 << 10, ErrorLog: silent}
	srv.SetKeepAlivesEnabled(false)
	return srv
}

func serveHTTP(srv *http.Server, l net.Listener) error {
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func (t *Target) answerHTTP(do Do, port int, rw http.ResponseWriter, r *http.Request) {
	seq := t.receiptOf(do, port, r)
	nonce, token := pathQuestion(r.URL.Path)
	answer := t.judge(string(do), port, seq, nonce, token)
	switch {
	case answer != nil:
		rw.Header().Set("Content-Type", "text/plain")
		rw.Header().Set("Cache-Control", "no-store")
		if caller := callerOf(r.Header); caller != "" {
			rw.Header().Set(CallerHeader, caller)
		}
		if r.Method == http.MethodHead {
			rw.Header().Set(answerHeader, strings.TrimSuffix(string(answer), "\n"))
		}
		rw.Write(answer) //nolint:errcheck // a client that left is in the receipts
	case t.currentKey() == nil:
		panic(http.ErrAbortHandler) // closes without a byte
	default:
		rw.WriteHeader(http.StatusNotFound)
	}
}

// pathQuestion reads the last two words of a path, whatever stands before them:
// a target is the most forgiving of backends.
func pathQuestion(path string) (nonce, token string) {
	words := strings.Split(path, "/")
	n := len(words)
	if n < 3 || !isWord(words[n-2]) {
		return "", ""
	}
	return words[n-2], words[n-1]
}
