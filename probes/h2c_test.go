//go:build linux

package probes

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// farH2C is a far end that speaks HTTP/2 and answers as the handler does.
func farH2C(t *testing.T, handler http.HandlerFunc) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := &http.Server{Handler: handler, Protocols: onlyH2C(), ReadTimeout: patience, ErrorLog: silent}
	t.Cleanup(func() { srv.Close() })
	go srv.Serve(l)
	return l.Addr().(*net.TCPAddr).Port
}

func TestH2COutcomes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		handler http.HandlerFunc
		phase   Phase
		want    Outcome
	}{
		{"a policy of the far end's proxy", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(403)
			io.WriteString(w, "RBAC: access denied")
		}, PhaseDone, Forbidden},
		{"a policy over gRPC", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("grpc-status", "7") }, PhaseDone, Forbidden},
		{"no upstream", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, PhaseDone, Blackholed},
		{"a page", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }, PhaseDone, Misrouted},
		{"a redirect", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(302)
		}, PhaseDone, Misrouted},
		{"the stream is reset", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, PhaseRead, Error},
		{"an endless page", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("x", 1<<20)) }, PhaseDone, Misrouted},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			seen := try(t, Order{Do: DoH2C, Port: farH2C(t, tc.handler)})
			assert.Equal(t, tc.phase, seen.Phase, "%+v", seen)
			assert.Equal(t, tc.want, outcomeOf(seen), "%+v", seen)
			assert.LessOrEqual(t, len(seen.Bytes), maxBytes)
		})
	}
}

func TestH2CRequestIsPlain(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	requests := make(chan *http.Request, 1)
	port := farH2C(t, func(_ http.ResponseWriter, r *http.Request) { requests <- r })
	try(t, Order{Do: DoH2C, Port: port})
	r := <-requests
	assert.Equal(t, []any{2, "GET", "/partywall/nonce/token", hostPort("127.0.0.1", port)}, []any{r.ProtoMajor, r.Method, r.URL.Path, r.Host})
	assert.Equal(t, http.Header{"User-Agent": {"partywall"}}, r.Header)
}

// A proxy sends the requests of several clients on one connection, at once:
// each is an arrival of its own.
func TestEachRequestOnOneConnectionHasAReceipt(t *testing.T) {
	t.Parallel()
	target, key := startTarget(t, TargetOptions{})
	port := portOf(target, "h2c")
	c := dialTCP(t, portOf(target, "tcp"))
	first := receiptsOf(t, target, 1)[0].Seq
	onOne := context.WithValue(t.Context(), arrivalKey{}, &arrival{visit: &visit{Conn: c, seq: first}})
	var asked []string
	for range 3 {
		nonce := NewNonce()
		asked = append(asked, nonce)
		r := httptest.NewRequestWithContext(onOne, http.MethodGet, pathPrefix+nonce+"/"+key.Token(nonce), nil)
		rw := httptest.NewRecorder()
		target.answerHTTP(DoH2C, port, rw, r)
		assert.True(t, key.Verify("h2c", port, nonce, rw.Body.Bytes()))
	}
	for i, r := range receiptsOf(t, target, 3) {
		assert.Equal(t, []any{asked[i], true, uint64(i + 1)}, []any{r.Nonce, r.Good, r.Seq})
		if i > 0 {
			assert.Equal(t, []any{"h2c", port, c.RemoteAddr().String()}, []any{r.Proto, r.Port, r.Remote})
		}
	}
}

func TestABadTokenOverHTTP2IsNotReached(t *testing.T) {
	t.Parallel()
	target, _ := startTarget(t, TargetOptions{})
	assert.Equal(t, Error, outcomeOf(try(t, Order{Do: DoH2C, Port: portOf(target, "h2c")})))
	got := receiptsOf(t, target, 1)[0]
	assert.Equal(t, []any{"nonce", false}, []any{got.Nonce, got.Good})

	keyless := startKeyless(t, TargetOptions{})
	assert.Equal(t, Error, outcomeOf(try(t, Order{Do: DoH2C, Port: portOf(keyless, "h2c")})))
}

func TestHTTP1IsNotAnsweredOnThePortOfHTTP2(t *testing.T) {
	t.Parallel()
	target, key := startTarget(t, TargetOptions{})
	nonce := NewNonce()
	c := dialTCP(t, portOf(target, "h2c"))
	_, err := c.Write([]byte("GET /partywall/" + nonce + "/" + key.Token(nonce) + " HTTP/1.1\r\nHost: x\r\n\r\n"))
	require.NoError(t, err)
	all, _ := io.ReadAll(c)
	assert.NotContains(t, string(all), "pw1")
	assert.Empty(t, receiptsOf(t, target, 1)[0].Nonce)
}
