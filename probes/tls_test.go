//go:build linux

package probes

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// farTLS is a far end that speaks TLS as the configuration says, and then says
// its text.
func farTLS(t *testing.T, cfg *tls.Config, text string) int {
	t.Helper()
	cert, err := selfSigned()
	require.NoError(t, err)
	cfg.Certificates = []tls.Certificate{cert}
	return far(t, func(c *net.TCPConn) {
		secured := tls.Server(c, cfg)
		if secured.Handshake() == nil {
			secured.Read(make([]byte, 4096))
			secured.Write([]byte(text))
			secured.Close()
		}
		closes(c) // the alert must not be overtaken by an RST
	})
}

func TestTLSOutcomes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		cfg   *tls.Config
		text  string
		alert string
		want  Outcome
	}{
		{"a certificate is asked for, TLS 1.3", &tls.Config{ClientAuth: tls.RequireAnyClientCert}, "", "tls: certificate required", TLSRejected},
		{"a certificate is asked for, TLS 1.2", &tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}, "", "tls: handshake failure", TLSRejected}, //nolint:gosec // an old far end is what it is about
		{"another protocol inside", &tls.Config{NextProtos: []string{"istio"}}, "", "tls: no application protocol", TLSRejected},
		{"a policy of the far end's proxy", &tls.Config{}, "HTTP/1.1 403 X\r\nContent-Length: 19\r\n\r\nRBAC: access denied", "", Forbidden},
		{"no upstream", &tls.Config{}, "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", "", Blackholed},
		{"a page", &tls.Config{}, "HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\nhi", "", Misrouted},
		{"text", &tls.Config{}, "220 ready\r\n", "", Misrouted},
		{"closed inside", &tls.Config{}, "", "", Closed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			seen := try(t, Order{Do: DoTLS, Port: farTLS(t, tc.cfg, tc.text)})
			assert.Equal(t, tc.alert, seen.Alert, "%+v", seen)
			assert.Equal(t, tc.want, outcomeOf(seen), "%+v", seen)
		})
	}
}

func TestTLSAsksForTheNameOfTheHost(t *testing.T) {
	t.Parallel()
	source := &Source{nameserver: nameserver(t, 0, net.IPv4(127, 0, 0, 1), nil)}
	for host, want := range map[string]string{"127.0.0.1": "", "web.acme.test.": "web.acme.test"} {
		names := make(chan string, 1)
		cfg := &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			names <- h.ServerName
			return nil, nil
		}}
		order := Order{Do: DoTLS, Host: host, Port: farTLS(t, cfg, ""), Nonce: "n", Token: "t", Deadline: Duration(patience)}
		seen := source.Attempt(t.Context(), order)
		require.Equal(t, PhaseRead, seen.Phase, "%+v", seen)
		assert.Equal(t, want, <-names, host)
	}
}

func TestTLSTargetAnswersInsideOnly(t *testing.T) {
	t.Parallel()
	target, key := startTarget(t, TargetOptions{})
	port, nonce := portOf(target, "tls"), NewNonce()
	c := dialTCP(t, port)
	_, err := c.Write([]byte("GET /partywall/" + nonce + "/" + key.Token(nonce) + " HTTP/1.1\r\nHost: x\r\n\r\n"))
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	got := receiptsOf(t, target, 1)[0]
	assert.Equal(t, []any{"tls", port, "", false}, []any{got.Proto, got.Port, got.Nonce, got.Good}, "the arrival is recorded all the same")
}

func TestABadTokenOverTLSIsNotReached(t *testing.T) {
	t.Parallel()
	target, _ := startTarget(t, TargetOptions{})
	assert.Equal(t, Error, outcomeOf(try(t, Order{Do: DoTLS, Port: portOf(target, "tls")})))
	got := receiptsOf(t, target, 1)[0]
	assert.Equal(t, []any{"nonce", false}, []any{got.Nonce, got.Good})

	keyless := startKeyless(t, TargetOptions{})
	assert.Equal(t, Closed, outcomeOf(try(t, Order{Do: DoTLS, Port: portOf(keyless, "tls")})))
}
