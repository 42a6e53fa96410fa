package tenancy

import (
	"slices"
	"strings"
)

// systemNamespaces belong to the cluster's own machinery. They are spelled out
// instead of guessed by *-system: a tenant that happens to be called so must
// not fall out of sight.
var systemNamespaces = []string{
	"calico-apiserver", "calico-system", "tigera-operator",
	"cilium-secrets", "cilium-spire",
	"istio-cni", "istio-ingress", "istio-operator", "istio-system",
	"linkerd", "linkerd-cni", "linkerd-viz",
	"cert-manager", "gatekeeper-system", "kyverno",
	"envoy-gateway-system", "ingress-nginx", "metallb-system",
	"local-path-storage", "longhorn-system",
	"gmp-public", "gmp-system", "openshift",
	"partywall", // where manifests/roles puts the runner's own account
}

// systemPrefixes are reserved: by Kubernetes itself, OpenShift and GKE.
var systemPrefixes = []string{"kube-", "openshift-", "gke-managed-"}

// isSystem tells the namespaces that are ignored unless a tenant claims them.
func isSystem(namespace string) bool {
	return slices.Contains(systemNamespaces, namespace) ||
		slices.ContainsFunc(systemPrefixes, func(p string) bool { return strings.HasPrefix(namespace, p) })
}
