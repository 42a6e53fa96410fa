package probes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"time"
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
	now := time.Now()
	subject := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "partywall"},
		DNSNames:     []string{"partywall"},
		NotBefore:    now.Add(-time.Hour), // clocks of nodes differ
		NotAfter:     now.AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, subject, subject, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a certificate for TLS: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
