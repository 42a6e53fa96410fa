//go:build linux

package probes

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// serverPort is that of a server of the loopback.
func serverPort(t *testing.T, address string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	n, err := net.LookupPort("tcp", port)
	require.NoError(t, err)
	return n
}

func TestWhoAnswersAHello(t *testing.T) {
	t.Parallel()
	names := make(chan string, 1)
	secured := httptest.NewUnstartedServer(http.NotFoundHandler())
	secured.TLS = &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		names <- h.ServerName
		return nil, nil
	}}
	secured.StartTLS()
	t.Cleanup(secured.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	resolver := nameserver(t, 0, net.IPv4(127, 0, 0, 1), nil)
	for _, tc := range []struct {
		name, host string
		port       int
		deadline   Duration
		want       Outcome
	}{
		{"TLS, by name", "web.outside.test.", serverPort(t, secured.Listener.Addr().String()), Duration(patience), Reached},
		{"TLS, by address", "127.0.0.1", serverPort(t, secured.Listener.Addr().String()), Duration(patience), Reached},
		{"who speaks no TLS, and answers", "127.0.0.1", serverPort(t, plain.Listener.Addr().String()), Duration(patience), Reached},
		{"a proxy that has no way there", "127.0.0.1", far(t, closes), Duration(patience), Closed},
		{"an alert", "127.0.0.1", far(t, func(c *net.TCPConn) { c.Read(make([]byte, 4096)); c.Write([]byte{21, 3, 1, 0, 2, 2, 40}); c.Close() }), Duration(patience), Error},
		{"who says nothing", "127.0.0.1", far(t, func(c *net.TCPConn) { <-t.Context().Done(); c.Close() }), short, Dropped},
		{"nobody", "127.0.0.1", closedPort(t, "tcp"), Duration(patience), Refused},
	} {
		source := &Source{nameserver: resolver}
		seen := source.Attempt(context.Background(), Order{Do: DoHello, Host: tc.host, Port: tc.port, Nonce: "n", Deadline: tc.deadline})
		got := Classify(seen, Silent)
		if tc.want == Closed && got == Reset {
			got = Closed // by whether what was said was read before the end
		}
		assert.Equal(t, tc.want, got, "%s: %+v", tc.name, seen)
		assert.Empty(t, seen.Bytes, "what a stranger says is not kept")
		switch tc.name {
		case "TLS, by name":
			assert.Equal(t, "web.outside.test", <-names)
		case "TLS, by address":
			assert.Empty(t, <-names)
		}
	}
}
