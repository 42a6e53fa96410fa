package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/partywall/partywall/verdicts"
)

// deny has a tenant's proxies refuse others what a policy names, and nothing else.
func (w *world) deny(tenant string, operation map[string]any) {
	w.t.Helper()
	own := w.ownOf(tenant)
	for _, ns := range w.spaces[tenant] {
		_, err := w.ofMesh(ns, authorisation).Apply(context.Background(), "deny", &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": map[string]any{"name": "deny", "namespace": ns},
			"spec": map[string]any{"action": "DENY", "rules": []any{map[string]any{
				"from": []any{map[string]any{"source": map[string]any{"notNamespaces": own}}},
				"to":   []any{map[string]any{"operation": operation}},
			}}},
		}}, metav1.ApplyOptions{FieldManager: "e2e", Force: true})
		require.NoError(w.t, err)
	}
}

// A policy that names what it denies lets other forms of the same request in, each
// of which shows in its own cell; one that names what it allows does not.
func TestMeshRequestForms(t *testing.T) {
	requireMesh(t)
	w, a, b := inMesh(t)
	w.setPolicy(a, networkingv1.NetworkPolicyIngressRule{})
	w.secure(a, identity)
	// By Istio's default normalisation, BASE, of a path only what RFC 3986 calls the
	// same is the same to a policy.
	knownPaths := []string{"path-dots", "path-encoded", "http", "upgrade-h2c", "host-case", "host-dot", "host-other"}
	for _, step := range []struct {
		name string
		set  func()
		open func(check string) bool
	}{
		{"a method", func() { w.deny(a, map[string]any{"methods": []any{"GET"}}) }, func(check string) bool { return strings.HasPrefix(check, "method-") }},
		{"a path", func() { w.deny(a, map[string]any{"paths": []any{"/partywall/*"}}) },
			func(check string) bool {
				return !slices.Contains(knownPaths, check) && !strings.HasPrefix(check, "method-")
			}},
		// Capitals are the same host. A host that its own proxy does not know it sends on
		// as it is, without an identity.
		{"a host", func() { w.secure(a); w.deny(a, map[string]any{"hosts": []any{"*.svc:8080"}}) },
			func(check string) bool { return check == "host-dot" || check == "host-other" }},
		{"everybody else", func() { w.secure(a, identity, authorisation) }, func(string) bool { return false }},
	} {
		step.set()
		o := w.run("--suite", "mesh", "--only", "mesh/http/*", "--only", "mesh/method-*", "--only", "mesh/path-*", "--only", "mesh/upgrade-*", "--only", "mesh/host-*")
		results := ofSuite("mesh", o.record.Results)
		require.NotEmpty(t, results)
		w.requireVerdicts(results, func(r verdicts.Result) verdicts.Verdict {
			if r.From.Tenant == b && (r.From.Sidecar || strings.HasPrefix(r.Check, "host-")) && step.open(r.Check) {
				return verdicts.Leak
			}
			return oneSided(r, verdicts.Isolated)
		})
		w.requireClean()
	}
}
