package probes

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
)

// silent discards what net/http logs about strangers' malformed requests: a
// flood of them must not fill the node's disk.
var silent = log.New(io.Discard, "", 0)

// Health answers the kubelet on a port of its own, unrecorded.
type Health struct {
	l   net.Listener
	srv *http.Server
}

// ListenHealth opens the health port. Open it last: the pod is ready once it answers.
func ListenHealth(host string, port int) (*Health, error) {
	l, err := listenStream(host, port)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	unrecorded := func(netip.AddrPort) uint64 { return 0 }
	return &Health{l: newWitness(l, defaultConns, unrecorded, func(uint64) {}), srv: newHTTPServer(mux)}, nil
}

// Port is the port in use.
func (h *Health) Port() int { return h.l.Addr().(*net.TCPAddr).Port }

// Serve answers until ctx ends.
func (h *Health) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { h.srv.Close() }) //nolint:errcheck // nobody to tell
	defer stop()
	return serveHTTP(h.srv, h.l)
}
