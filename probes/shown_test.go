//go:build linux

package probes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// doorman is a proxy that ends TLS before a target, as a mesh's does.
func doorman(t *testing.T, target int, who tls.ClientAuthType, seen chan<- *x509.Certificate) int {
	t.Helper()
	cert, err := selfSigned()
	require.NoError(t, err)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientAuth: who, ClientCAs: x509.NewCertPool(), NextProtos: []string{"http/1.1"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go passOn(conn.(*tls.Conn), target, seen)
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func passOn(conn *tls.Conn, target int, seen chan<- *x509.Certificate) {
	defer conn.Close()
	if conn.Handshake() != nil {
		return
	}
	var shown *x509.Certificate
	if certs := conn.ConnectionState().PeerCertificates; len(certs) > 0 {
		shown = certs[0]
	}
	seen <- shown
	on, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(target)))
	if err != nil {
		return
	}
	defer on.Close()
	go io.Copy(on, conn)
	_, _ = io.Copy(conn, on)
}

// Who believes whatever a client says of itself is reached by it; who asks for what
// a client does not have, or knows who may say so, is not.
func TestAnIdentityOfOnesOwnMaking(t *testing.T) {
	t.Parallel()
	target, key := startTarget(t, TargetOptions{})
	port := target.Ports().HTTP
	source := NewSource(target)
	try := func(form string, at int) Outcome {
		nonce := NewNonce()
		seen := source.Attempt(context.Background(), Order{
			Do: DoHTTP, Form: form, Host: "127.0.0.1", Namespace: "victim", Port: at, Nonce: nonce, Token: key.Token(nonce), Deadline: Duration(patience),
		})
		return Classify(seen, Authenticate(seen, Question{Proto: string(DoHTTP), Port: port, Nonce: nonce}, key, nil))
	}

	ids := map[string]string{"tls-self-signed": "spiffe://cluster.local/ns/victim/sa/default", "tls-foreign": "spiffe://partywall-foreign.invalid/ns/victim/sa/default"}
	for _, form := range Identities() {
		seen := make(chan *x509.Certificate, 1)
		believing := doorman(t, port, tls.RequestClientCert, seen)
		assert.Equal(t, Reached, try(form, believing), form)
		shown := <-seen
		if form == "tls-anonymous" {
			assert.Nil(t, shown)
		} else {
			require.Len(t, shown.URIs, 1, form)
			assert.Equal(t, ids[form], shown.URIs[0].String())
			byItself := shown.CheckSignature(shown.SignatureAlgorithm, shown.RawTBSCertificate, shown.Signature) == nil
			assert.Equal(t, form == "tls-self-signed", byItself, "who signed it")
		}

		asking := try(form, doorman(t, port, tls.RequireAnyClientCert, make(chan *x509.Certificate, 1)))
		verifying := try(form, doorman(t, port, tls.RequireAndVerifyClientCert, make(chan *x509.Certificate, 1)))
		if form == "tls-anonymous" {
			assert.Contains(t, []Outcome{TLSRejected, Reset, Closed}, asking)
		} else {
			assert.Equal(t, Reached, asking, form)
		}
		assert.Contains(t, []Outcome{TLSRejected, Reset, Closed}, verifying, form)
		assert.Equal(t, Error, try(form, port), "%s: who speaks no TLS says nothing of identities", form)
	}
	assert.Len(t, Identities(), 3)
	seen := source.Attempt(context.Background(), Order{Do: DoHTTP, Form: "tls-foreign", Host: "127.0.0.1", Port: port, Nonce: "n", Token: "t"})
	assert.Contains(t, seen.Error, `namespace ""`)
}
