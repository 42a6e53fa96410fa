package probes

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
)

// pathPrefix starts the path that carries nonce and token: a proxy on the way
// may strip headers, but not the path.
const pathPrefix = "/partywall/"

type visitKey struct{}

func (t *Target) listenHTTP(host string, port int) (int, error) {
	return t.listenWeb(DoHTTP, host, port, func(l net.Listener) net.Listener { return l })
}

// listenWeb opens a listener for HTTP; over puts another layer around it.
func (t *Target) listenWeb(do Do, host string, port int, over func(net.Listener) net.Listener) (int, error) {
	w, err := t.witness(host, string(do), port)
	if err != nil {
		return 0, err
	}
	srv := newHTTPServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { t.answerHTTP(do, w.port, rw, r) }))
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, visitKey{}, visitOf(c).seq)
	}
	t.closers = append(t.closers, srv.Close)
	t.serve = append(t.serve, func(context.Context) error { return serveHTTP(srv, over(w)) })
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
	seq := r.Context().Value(visitKey{}).(uint64)
	nonce, token := pathQuestion(r.URL.Path)
	answer := t.judge(string(do), port, seq, nonce, token)
	switch {
	case answer != nil && r.Method == http.MethodGet:
		rw.Header().Set("Content-Type", "text/plain")
		rw.Header().Set("Cache-Control", "no-store")
		rw.Write(answer) //nolint:errcheck // a client that left is in the receipts
	case t.currentKey() == nil:
		panic(http.ErrAbortHandler) // closes without a byte
	default:
		rw.WriteHeader(http.StatusNotFound)
	}
}

func pathQuestion(path string) (nonce, token string) {
	rest, ok := strings.CutPrefix(path, pathPrefix)
	if !ok {
		return "", ""
	}
	nonce, token, _ = strings.Cut(rest, "/")
	if !isWord(nonce) {
		return "", ""
	}
	return nonce, token
}
