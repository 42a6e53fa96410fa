package probes

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"
)

// A client that shows an identity of its own making names the target's
// namespace: whoever believes it takes it for one of the target's own pods. The
// form of such names is Istio's (istio.io/latest/docs/concepts/security,
// "Secure naming" and "Istio identity").
const (
	ownDomain     = "cluster.local"             // of trust, by Istio's default
	foreignDomain = "partywall-foreign.invalid" // of nobody
)

// nobody shows no certificate.
func nobody(string) ([]tls.Certificate, error) { return nil, nil }

// selfMade shows one that it signed itself.
func selfMade(namespace string) ([]tls.Certificate, error) {
	key, leaf, err := identityOf(ownDomain, namespace)
	if err != nil {
		return nil, err
	}
	return signedBy(key, leaf, key, leaf)
}

// foreign shows one that another mesh's authority signed, and that beside it.
func foreign(namespace string) ([]tls.Certificate, error) {
	key, leaf, err := identityOf(foreignDomain, namespace)
	if err != nil {
		return nil, err
	}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making an authority's key: %w", err)
	}
	root := certificate()
	root.SerialNumber = big.NewInt(2)
	root.Subject = pkix.Name{Organization: []string{foreignDomain}}
	root.IsCA, root.BasicConstraintsValid, root.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey)
	if err != nil {
		return nil, fmt.Errorf("making an authority: %w", err)
	}
	certs, err := signedBy(key, leaf, rootKey, root)
	if err == nil {
		certs[0].Certificate = append(certs[0].Certificate, der)
	}
	return certs, err
}

// spiffeID names whoever has a namespace's default account.
func spiffeID(domain, namespace string) *url.URL {
	return &url.URL{Scheme: "spiffe", Host: domain, Path: "/ns/" + namespace + "/sa/default"}
}

func identityOf(domain, namespace string) (*ecdsa.PrivateKey, *x509.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making a key to show: %w", err)
	}
	leaf := certificate()
	leaf.URIs = []*url.URL{spiffeID(domain, namespace)}
	leaf.KeyUsage = x509.KeyUsageDigitalSignature
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return key, leaf, nil
}

func signedBy(key *ecdsa.PrivateKey, leaf *x509.Certificate, authority *ecdsa.PrivateKey, issuer *x509.Certificate) ([]tls.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, leaf, issuer, key.Public(), authority)
	if err != nil {
		return nil, fmt.Errorf("making a certificate to show: %w", err)
	}
	return []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, nil
}

// meshProtocols are what a proxy of Istio's says it speaks: a target's proxy that
// takes plain connections too tells by them what is meant for it.
var meshProtocols = []string{"istio-http/1.1", "istio", "http/1.1"}

// show makes the connection one of TLS whose client shows what shown makes. It
// returns nil where the attempt ended here.
func (a *attempt) show(ctx context.Context, conn net.Conn, shown func(namespace string) ([]tls.Certificate, error)) net.Conn {
	certs, err := shown(a.order.Namespace)
	if err != nil {
		a.seen.Phase = "" // not the network's doing
		a.fail(ctx, err)
		return nil
	}
	return a.secure(ctx, conn, &tls.Config{
		// Whatever the server says of whom it trusts, this is what it gets.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if len(certs) == 0 {
				return &tls.Certificate{}, nil
			}
			return &certs[0], nil
		},
		NextProtos: meshProtocols,
	})
}

// certificate is what those that probes make have in common.
func certificate() *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "partywall"},
		NotBefore:    now.Add(-time.Hour), // clocks of nodes differ
		NotAfter:     now.AddDate(1, 0, 0),
	}
}
