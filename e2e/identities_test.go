package e2e

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/partywall/partywall/verdicts"
)

// patch has a tenant's proxies changed by one EnvoyFilter, whose only patch it is; nil
// is as the mesh has them.
func (w *world) patch(tenant string, patch map[string]any) {
	w.t.Helper()
	for _, ns := range w.spaces[tenant] {
		filters := w.ofIstio("networking.istio.io", "v1alpha3", ns, "envoyfilters")
		if patch == nil {
			require.NoError(w.t, ignoreGone(filters.Delete(context.Background(), "patch", metav1.DeleteOptions{})))
			continue
		}
		_, err := filters.Apply(context.Background(), "patch", &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter", "metadata": map[string]any{"name": "patch", "namespace": ns},
			"spec": map[string]any{"configPatches": []any{patch}},
		}}, metav1.ApplyOptions{FieldManager: "e2e", Force: true})
		require.NoError(w.t, err)
	}
}

// ofClients changes what proxies ask of a client's certificate. Under the name that
// Istio gives what handles TLS, the fields are merged; under another they stand in
// place of Istio's.
func ofClients(name string, asked map[string]any) map[string]any {
	if asked == nil {
		return nil
	}
	config := map[string]any{"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"}
	maps.Copy(config, asked)
	return map[string]any{
		"applyTo": "FILTER_CHAIN",
		"match":   map[string]any{"context": "SIDECAR_INBOUND", "listener": map[string]any{"filterChain": map[string]any{"transportProtocol": "tls"}}},
		"patch": map[string]any{"operation": "MERGE", "value": map[string]any{
			"transport_socket": map[string]any{"name": name, "typed_config": config},
		}},
	}
}

// A proxy that asks for no certificate, or believes whoever made one, lets in
// exactly the identities that it then cannot tell from a tenant's own.
func TestMeshIdentities(t *testing.T) {
	requireMesh(t)
	w, a, b := inMesh(t)
	w.setPolicy(a, networkingv1.NetworkPolicyIngressRule{})
	const merged, replaced = "envoy.transport_sockets.tls", "anybody"
	secret := func(name string) map[string]any {
		return map[string]any{"name": name, "sds_config": map[string]any{
			"resource_api_version": "V3",
			"api_config_source": map[string]any{
				"api_type": "GRPC", "transport_api_version": "V3", "set_node_on_first_message_only": true,
				"grpc_services": []any{map[string]any{"envoy_grpc": map[string]any{"cluster_name": "sds-grpc"}}},
			},
		}}
	}
	anybody := map[string]any{"common_tls_context": map[string]any{
		"alpn_protocols":                     []any{"h2", "http/1.1"},
		"tls_certificate_sds_secret_configs": []any{secret("default")},
		"combined_validation_context": map[string]any{
			"default_validation_context": map[string]any{}, "validation_context_sds_secret_config": secret("ROOTCA"),
		},
	}}
	believing := map[string]any{"common_tls_context": map[string]any{"combined_validation_context": map[string]any{
		"default_validation_context": map[string]any{"trust_chain_verification": "ACCEPT_UNTRUSTED"},
	}}}
	for _, step := range []struct {
		name   string
		halves []string
		socket string
		asked  map[string]any
		open   []string
	}{
		{"both kinds of connections are taken", nil, "", nil, []string{"http"}},
		{"an identity is asked for", []string{identity}, "", nil, nil},
		{"no certificate is asked for", []string{identity}, replaced, anybody, []string{"tls-anonymous"}},
		{"any certificate is believed", []string{identity}, merged, believing, []string{"tls-foreign", "tls-self-signed"}},
		{"and only the tenant's own are let in", []string{identity, authorisation}, merged, believing, []string{"tls-foreign", "tls-self-signed"}},
		{"as the mesh has it", []string{identity, authorisation}, "", nil, nil},
	} {
		w.secure(a, step.halves...)
		w.patch(a, ofClients(step.socket, step.asked))
		o := w.run("--suite", "mesh", "--only", "mesh/http/*", "--only", "mesh/tls-*")
		var results []verdicts.Result
		for _, r := range ofSuite("mesh", o.record.Results) {
			if r.From.Tenant == b && !r.From.Sidecar {
				results = append(results, r)
			}
		}
		require.NotEmpty(t, results, step.name)
		t.Log(step.name)
		w.requireVerdicts(results, func(r verdicts.Result) verdicts.Verdict {
			if slices.Contains(step.open, r.Check) {
				return verdicts.Leak
			}
			return oneSided(r, verdicts.Isolated)
		})
		w.requireClean()
	}
}

// A workload is told who asks it, unless its proxies pass on what a client says.
func TestMeshCallers(t *testing.T) {
	requireMesh(t)
	w, a, b := inMesh(t)
	const manager = "envoy.filters.network.http_connection_manager"
	passed := map[string]any{
		"applyTo": "NETWORK_FILTER",
		"match":   map[string]any{"context": "ANY", "listener": map[string]any{"filterChain": map[string]any{"filter": map[string]any{"name": manager}}}},
		"patch": map[string]any{"operation": "MERGE", "value": map[string]any{"name": manager, "typed_config": map[string]any{
			"@type":                       "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
			"forward_client_cert_details": "ALWAYS_FORWARD_ONLY",
		}}},
	}
	for _, step := range []struct {
		patch  map[string]any
		halves []string
		open   bool
	}{{nil, nil, false}, {passed, nil, true}, {nil, []string{identity, authorisation}, false}} {
		w.patch(a, step.patch)
		w.secure(a, step.halves...)
		o := w.run("--suite", "mesh", "--check", "identity")
		results := ofSuite("mesh", o.record.Results)
		require.Len(t, results, 2*len(w.spaces[a])*len(w.spaces[b]))
		w.requireVerdicts(results, func(r verdicts.Result) verdicts.Verdict {
			if step.open && r.From.Tenant == a {
				return verdicts.Leak
			}
			return verdicts.Unreached
		})
		for _, r := range results {
			named := r.From.Namespace
			if r.Verdict == verdicts.Leak {
				named = r.To.Namespace
			}
			require.Contains(t, r.Why, "spiffe://cluster.local/ns/"+named+"/sa/default", r.ID)
		}
		w.requireClean()
	}
}
