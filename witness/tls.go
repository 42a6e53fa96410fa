package witness

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// The two ends of the connection to a witness.
const (
	endServer = "server"
	endClient = "client"
)

// secured is the TLS of one end. Each side knows the other by its public key,
// which the shared secret tells: no authority and no name vouches for either.
func secured(key Key, own, other string) (*tls.Config, error) {
	certificate, err := certify(key.identity(own))
	if err != nil {
		return nil, err
	}
	want := key.identity(other).Public().(ed25519.PublicKey)
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{certificate},
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, //nolint:gosec // VerifyConnection holds the certificate's key against the one that it must be
		SessionTicketsDisabled: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) > 0 && want.Equal(s.PeerCertificates[0].PublicKey) {
				return nil
			}
			return errStranger
		},
	}, nil
}

var errStranger = errors.New("the other end has another witness's key, or none")

// certify makes the certificate that carries a public key. Its dates say
// nothing: nobody looks at them.
func certify(private ed25519.PrivateKey) (tls.Certificate, error) {
	now := time.Now()
	subject := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "partywall witness"},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(10, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, subject, subject, private.Public(), private)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a certificate for TLS: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, nil
}
