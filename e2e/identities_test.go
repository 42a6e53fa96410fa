package e2e

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/partywall/partywall/verdicts"
)

var envoyFilters = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1alpha3", Resource: "envoyfilters"}

// ofClients changes what a tenant's proxies ask of a client's certificate; nil is
// what the mesh has them ask. Under the name that Istio gives what handles TLS, its
// fields are merged; under another they stand in place of Istio's.
func (w *world) ofClients(tenant, name string, asked map[string]any) {
	w.t.Helper()
	client, err := dynamic.NewForConfig(lab.config)
	require.NoError(w.t, err)
	for _, ns := range w.spaces[tenant] {
		filters := client.Resource(envoyFilters).Namespace(ns)
		if asked == nil {
			require.NoError(w.t, ignoreGone(filters.Delete(context.Background(), "clients", metav1.DeleteOptions{})))
			continue
		}
		config := map[string]any{"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"}
		for field, value := range asked {
			config[field] = value
		}
		_, err := filters.Apply(context.Background(), "clients", &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter", "metadata": map[string]any{"name": "clients", "namespace": ns},
			"spec": map[string]any{"configPatches": []any{map[string]any{
				"applyTo": "FILTER_CHAIN",
				"match":   map[string]any{"context": "SIDECAR_INBOUND", "listener": map[string]any{"filterChain": map[string]any{"transportProtocol": "tls"}}},
				"patch": map[string]any{"operation": "MERGE", "value": map[string]any{
					"transport_socket": map[string]any{"name": name, "typed_config": config},
				}},
			}}},
		}}, metav1.ApplyOptions{FieldManager: "e2e", Force: true})
		require.NoError(w.t, err)
	}
}

// A proxy that asks for no certificate, or believes whoever made one, lets in
// exactly the identities that it then cannot tell from a tenant's own.
func TestMeshIdentities(t *testing.T) {
	requireMesh(t)
	w := newWorld(t, 2)
	a, b := w.tenants[0], w.tenants[1]
	w.inject(a)
	w.inject(b)
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
		w.ofClients(a, step.socket, step.asked)
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
