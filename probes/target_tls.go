package probes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
)

// listenTLS answers as the HTTP listener does, inside TLS.
func (t *Target) listenTLS(host string, port int) (int, error) {
	cert, err := selfSigned()
	if err != nil {
		return 0, err
	}
	cfg := &tls.Config{
		Certificates:           []tls.Certificate{cert},
		MinVersion:             tls.VersionTLS12,
		NextProtos:             []string{"http/1.1"},
		SessionTicketsDisabled: true, // each attempt is a connection of its own
	}
	return t.listenWeb(DoTLS, host, port, func(_ *http.Server, l net.Listener) net.Listener { return tls.NewListener(l, cfg) })
}

// selfSigned makes a certificate that lives in the memory of this process, and
// proves nothing: sources do not look at it.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a key for TLS: %w", err)
	}
	subject := certificate()
	subject.DNSNames = []string{"partywall"}
	der, err := x509.CreateCertificate(rand.Reader, subject, subject, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a certificate for TLS: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
