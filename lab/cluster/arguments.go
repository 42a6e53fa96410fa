package cluster

import (
	"path/filepath"
	"strconv"

	"github.com/partywall/partywall/lab/network"
	"github.com/partywall/partywall/lab/state"
)

const (
	podCIDRs     = "10.244.0.0/16"
	serviceCIDR  = "10.96.0.0/16"
	firstService = "10.96.0.1"
	dnsService   = "10.96.0.10"
	// Of a lab with both families.
	podCIDRsIPv6    = "fd00:10:244::/48"
	serviceCIDRIPv6 = "fd00:10:96::/112"
	// etcd listens on the outer namespace's loopback: no pod reaches it.
	etcdURL = "http://127.0.0.1:2379"
)

// families joins what a component takes of both families, as far as there are
// two.
func families(v4, v6 string) string {
	if v6 == "" {
		return v4
	}
	return v4 + "," + v6
}

// ofDualStack is what only a lab of both families has.
func ofDualStack(lab state.Lab, v6 string) string {
	if !lab.DualStack {
		return ""
	}
	return v6
}

func etcdArguments(lab state.Lab) []string {
	return []string{
		"--data-dir=" + lab.Path("etcd"),
		"--listen-client-urls=" + etcdURL,
		"--advertise-client-urls=" + etcdURL,
		"--listen-peer-urls=http://127.0.0.1:2380",
		"--unsafe-no-fsync",
	}
}

func apiserverArguments(lab state.Lab) []string {
	pki := func(name string) string { return lab.Path("pki", name) }
	return []string{
		"--etcd-servers=" + etcdURL,
		"--bind-address=" + network.Gateway,
		"--advertise-address=" + network.Gateway,
		"--secure-port=6443",
		"--cert-dir=" + lab.Path("pki"),
		"--tls-cert-file=" + pki("apiserver.crt"),
		"--tls-private-key-file=" + pki("apiserver.key"),
		"--client-ca-file=" + pki("ca.crt"),
		"--service-account-key-file=" + pki("token.pub"),
		"--service-account-signing-key-file=" + pki("token.key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--service-cluster-ip-range=" + families(serviceCIDR, ofDualStack(lab, serviceCIDRIPv6)),
		"--kubelet-client-certificate=" + pki("kubelet-client.crt"),
		"--kubelet-client-key=" + pki("kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--allow-privileged=true",
		// One authority signs clients and proxies: only this name may speak for others.
		"--requestheader-client-ca-file=" + pki("ca.crt"),
		"--requestheader-allowed-names=front-proxy",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + pki("front-proxy.crt"),
		"--proxy-client-key-file=" + pki("front-proxy.key"),
		"--enable-aggregator-routing=true",
	}
}

func controllerManagerArguments(lab state.Lab) []string {
	return []string{
		"--kubeconfig=" + lab.Path("pki", "kube-controller-manager.kubeconfig"),
		// The nodes are created with the addresses of their pods.
		"--allocate-node-cidrs=false",
		"--service-account-private-key-file=" + lab.Path("pki", "token.key"),
		"--root-ca-file=" + lab.Path("pki", "ca.crt"),
		"--cluster-signing-cert-file=" + lab.Path("pki", "ca.crt"),
		"--cluster-signing-key-file=" + lab.Path("pki", "ca.key"),
		"--use-service-account-credentials=true",
		"--bind-address=127.0.0.1",
		"--leader-elect=false",
	}
}

func schedulerArguments(lab state.Lab) []string {
	return []string{
		"--kubeconfig=" + lab.Path("pki", "kube-scheduler.kubeconfig"),
		"--bind-address=127.0.0.1",
		"--leader-elect=false",
	}
}

func kubeletArguments(lab state.Lab, node state.Node) []string {
	return []string{
		"--config=" + filepath.Join(node.Dir, "kubelet.yaml"),
		"--kubeconfig=" + lab.Path("pki", node.Name+".kubeconfig"),
		"--hostname-override=" + node.Name,
		"--node-ip=" + families(node.IP, node.IPv6),
		"--root-dir=" + filepath.Join(node.Dir, "kubelet"),
		"--cert-dir=" + filepath.Join(node.Dir, "kubelet", "pki"),
	}
}

func ciliumArguments(lab state.Lab, node state.Node) []string {
	arguments := []string{
		"--k8s-kubeconfig-path=" + lab.Path("pki", "cilium.kubeconfig"),
		"--lib-dir=" + filepath.Join(node.Dir, "cilium"),
		"--cluster-name=" + lab.ID(),
		"--cluster-id=0",
		"--ipam=kubernetes",
		"--enable-ipv4=true",
		"--enable-ipv6=" + strconv.FormatBool(lab.DualStack),
		"--routing-mode=native",
		"--ipv4-native-routing-cidr=" + podCIDRs,
		"--auto-direct-node-routes=true",
		"--devices=eth0",
		"--direct-routing-device=eth0",
		"--enable-ipv4-masquerade=false",
		"--enable-bpf-masquerade=false",
		// kube-proxy does the Services.
		"--kube-proxy-replacement=false",
		"--bpf-lb-sock=false",
		"--enable-l7-proxy=false",
		"--enable-hubble=false",
		"--enable-health-checking=false",
		"--enable-endpoint-health-checking=false",
		"--enable-xt-socket-fallback=false",
		"--enable-k8s-networkpolicy=true",
		"--identity-allocation-mode=crd",
		"--policy-cidr-match-mode=nodes",
		"--agent-health-port=" + ciliumHealthPort,
	}
	if lab.DualStack {
		arguments = append(arguments, "--ipv6-native-routing-cidr="+podCIDRsIPv6, "--enable-ipv6-masquerade=false")
	}
	return arguments
}
