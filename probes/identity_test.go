//go:build linux

package probes

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheLastWhoAsked(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"":               "",
		"URI=spiffe://a": "spiffe://a",
		`By=spiffe://x;Hash=1f;Subject="CN=a, O=\"b;URI=spiffe://no\"";URI=spiffe://a`: "spiffe://a",
		"By=spiffe://x;URI=spiffe://a,By=spiffe://x;Hash=2;URI=spiffe://b":             "spiffe://b",
		`URI=spiffe://a,Subject="x,URI=spiffe://c"`:                                    "",
		"URI=spiffe://a,":                 "",
		`uri="spiffe://a";URI=spiffe://b`: "spiffe://a spiffe://b",
		`Subject="open;URI=spiffe://a`:    "",
		`URI=a\`:                          `a\`,
	} {
		assert.Equal(t, want, callerOf(http.Header{identityHeader: {value}}), value)
	}
	assert.Equal(t, "spiffe://b", callerOf(http.Header{identityHeader: {"URI=spiffe://a", "URI=spiffe://b"}}))
}

// A workload is told of whom its client named, of who asks, of somebody else or of
// nobody, as its proxy has it.
func TestWhomAWorkloadIsToldOf(t *testing.T) {
	t.Parallel()
	target, key := startTarget(t, TargetOptions{})
	at := &url.URL{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(target.Ports().HTTP))}
	for name, tc := range map[string]struct {
		proxy func(out http.Header)
		want  Outcome
		words string
	}{
		"as the client had it": {func(http.Header) {}, Reached, ""},
		"one more":             {func(out http.Header) { out.Add(identityHeader, "By=x;URI=spiffe://cluster.local/ns/acme/sa/default") }, Unresolved, ""},
		"another's instead":    {func(out http.Header) { out.Set(identityHeader, "URI=spiffe://cluster.local/ns/else/sa/default") }, Error, "who neither asks nor was named"},
		"nobody":               {func(out http.Header) { out.Del(identityHeader) }, Unresolved, ""},
		"no token":             {nil, Error, "the pod's own target did not answer it (HTTP status 404)"},
	} {
		// A target signs its own port: so the proxy has the same, of another address.
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.2", at.Port()))
		require.NoError(t, err)
		proxy := &httptest.Server{Listener: l, Config: &http.Server{ReadHeaderTimeout: patience, Handler: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(at)
			if tc.proxy != nil {
				tc.proxy(r.Out.Header)
			}
		}}}}
		proxy.Start()
		nonce := NewNonce()
		token := key.Token(nonce)
		if tc.proxy == nil {
			token = "none"
		}
		seen := NewSource(target).Attempt(context.Background(), Order{
			Do: DoIdentity, Host: "127.0.0.2", Port: target.Ports().HTTP, Namespace: "globex", Own: "web.acme.svc", Nonce: nonce, Token: token, Deadline: Duration(patience),
		})
		assert.Equal(t, tc.want, Classify(seen, Authenticate(seen, Question{Proto: string(DoHTTP), Port: target.Ports().HTTP, Nonce: nonce}, key, nil)), "%s: %+v", name, seen)
		assert.Contains(t, seen.Error, tc.words, name)
		proxy.Close()
	}
	for _, o := range []Order{
		{Do: DoIdentity, Host: "127.0.0.1", Port: 80, Namespace: "globex", Nonce: "n", Token: "t"},
		{Do: DoIdentity, Host: "127.0.0.1", Port: 80, Own: "web.acme.svc", Nonce: "n", Token: "t"},
		{Do: DoIdentity, Host: "127.0.0.1", Port: 80, Namespace: "globex", Own: "web.acme.svc", Nonce: "n"},
	} {
		assert.NotEmpty(t, NewSource(nil).Attempt(context.Background(), o).Error)
	}
}
