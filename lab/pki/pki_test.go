package pki

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
)

func TestIssuedCertificateIsTrusted(t *testing.T) {
	authority, err := NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Issue(Subject{
		User: "system:node:node1", Groups: []string{"system:nodes"},
		Hosts: []string{"node1"}, IPs: []net.IP{net.ParseIP("10.66.0.11")},
	})
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatalf("certificate and key do not belong together: %v", err)
	}
	leaf, err := x509.ParseCertificate(loaded.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.CertPEM)
	for _, name := range []string{"node1", "10.66.0.11"} {
		options := x509.VerifyOptions{Roots: roots, DNSName: name, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
		if _, err := leaf.Verify(options); err != nil {
			t.Errorf("as %s: %v", name, err)
		}
	}
	if leaf.Subject.CommonName != "system:node:node1" || leaf.Subject.Organization[0] != "system:nodes" {
		t.Errorf("subject is %s", leaf.Subject)
	}
	if leaf.IsCA {
		t.Error("an issued certificate must not be an authority")
	}
}

func TestAnotherAuthorityIsNotTrusted(t *testing.T) {
	one, err := NewAuthority("same name")
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewAuthority("same name")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := one.Issue(Subject{User: "admin"})
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(loaded.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(other.CertPEM)
	options := x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, err := leaf.Verify(options); err == nil {
		t.Error("a certificate of one lab is trusted by another")
	}
}
