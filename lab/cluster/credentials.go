package cluster

import (
	"fmt"
	"net"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/partywall/partywall/lab/network"
	"github.com/partywall/partywall/lab/pki"
	"github.com/partywall/partywall/lab/state"
)

// apiURL is the API server's address inside the lab.
const apiURL = "https://" + network.Gateway + ":6443"

// admins is the group that every lab's cluster trusts without a role.
const admins = "system:masters"

// writeCredentials makes the lab's authority and all identities. The machine's
// way in leads through a loopback port.
func writeCredentials(lab state.Lab, port int) error {
	if err := os.MkdirAll(lab.Path("pki"), 0o700); err != nil {
		return fmt.Errorf("making a folder for certificates: %w", err)
	}
	authority, err := pki.NewAuthority(lab.ID())
	if err != nil {
		return err
	}
	if err := writeAuthority(lab, authority); err != nil {
		return err
	}
	if err := writePairs(lab, authority); err != nil {
		return err
	}
	for file, subject := range clients(lab) {
		if err := writeKubeconfig(lab.Path("pki", file+".kubeconfig"), lab.ID(), apiURL, authority, subject); err != nil {
			return err
		}
	}
	admin := pki.Subject{User: "admin", Groups: []string{admins}}
	return writeKubeconfig(lab.Kubeconfig(), lab.ID(), fmt.Sprintf("https://127.0.0.1:%d", port), authority, admin)
}

func writeAuthority(lab state.Lab, authority *pki.Authority) error {
	key, err := authority.KeyPEM()
	if err != nil {
		return err
	}
	if err := (pki.Pair{Cert: authority.CertPEM, Key: key}).Write(lab.Path("pki"), "ca"); err != nil {
		return err
	}
	private, public, err := pki.NewTokenKeys()
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"token.key": private, "token.pub": public} {
		if err := os.WriteFile(lab.Path("pki", name), data, 0o600); err != nil {
			return fmt.Errorf("writing the token keys: %w", err)
		}
	}
	return nil
}

// writePairs makes the certificates that the API server itself shows.
func writePairs(lab state.Lab, authority *pki.Authority) error {
	pairs := map[string]pki.Subject{
		"apiserver": {
			User:  "kube-apiserver",
			Hosts: []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost"},
			IPs:   []net.IP{net.ParseIP(network.Gateway), net.ParseIP(firstService), net.IPv4(127, 0, 0, 1)},
		},
		"kubelet-client": {User: "apiserver-kubelet-client", Groups: []string{admins}},
		"front-proxy":    {User: "front-proxy"},
	}
	for name, subject := range pairs {
		pair, err := authority.Issue(subject)
		if err != nil {
			return err
		}
		if err := pair.Write(lab.Path("pki"), name); err != nil {
			return err
		}
	}
	return nil
}

// clients are the components that call the API server, by kubeconfig. RBAC
// knows most of them by these names; Cilium runs without an operator and
// creates objects of many kinds, so it is an administrator.
func clients(lab state.Lab) map[string]pki.Subject {
	subjects := map[string]pki.Subject{
		"kube-controller-manager": {User: "system:kube-controller-manager"},
		"kube-scheduler":          {User: "system:kube-scheduler"},
		"kube-proxy":              {User: "system:kube-proxy"},
		"cilium":                  {User: "cilium", Groups: []string{admins}},
	}
	for _, node := range lab.Nodes() {
		subjects[node.Name] = pki.Subject{User: "system:node:" + node.Name, Groups: []string{"system:nodes"}}
	}
	return subjects
}

func writeKubeconfig(file, context, server string, authority *pki.Authority, subject pki.Subject) error {
	pair, err := authority.Issue(subject)
	if err != nil {
		return err
	}
	config := api.NewConfig()
	config.Clusters[context] = &api.Cluster{Server: server, CertificateAuthorityData: authority.CertPEM}
	config.AuthInfos[subject.User] = &api.AuthInfo{ClientCertificateData: pair.Cert, ClientKeyData: pair.Key}
	config.Contexts[context] = &api.Context{Cluster: context, AuthInfo: subject.User}
	config.CurrentContext = context
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		return fmt.Errorf("writing kubeconfig %s: %w", file, err)
	}
	return nil
}
