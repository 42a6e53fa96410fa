package e2e

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/dynamic"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

// requireDualStack skips a test on a lab of one family, unless the environment
// says that it is to be had.
func requireDualStack(t *testing.T) {
	t.Helper()
	nodes, err := lab.admin.CoreV1().Nodes().List(context.Background(), metav1.ListOptions{})
	require.NoError(t, err)
	dual := len(nodes.Items[0].Spec.PodCIDRs) == 2
	if os.Getenv("PARTYWALL_DUAL_STACK") == "required" {
		require.True(t, dual, "the lab has one family of addresses")
	}
	if !dual {
		t.Skip("the lab has one family of addresses; `make test-dual-stack` runs this on one of two")
	}
}

// A wall may be built for one family of addresses: what is open by the second
// shows as its cells, and the first is none the wiser.
func TestHolesOfTheSecondFamily(t *testing.T) {
	requireDualStack(t)
	w := newWorld(t, 2)
	a, b := w.tenants[0], w.tenants[1]
	second := func(r verdicts.Result) bool { return r.Address == suites.PodIP2 }
	number := intstr.FromInt32(9007)
	port := networkingv1.NetworkPolicyPort{Protocol: &tcp, Port: &number}
	for _, step := range []struct {
		name   string
		mutate func()
		leaks  func(verdicts.Result) bool
	}{
		{"all walls up", func() {}, func(verdicts.Result) bool { return false }},
		{"a answers echo requests by IPv6 alone", func() { w.openEchoIPv6(a) },
			func(r verdicts.Result) bool { return r.To.Tenant == a && r.Check == "icmp" && second(r) }},
		{"b opens a port by every address", func() {
			w.closeEchoIPv6(a)
			w.setPolicy(b, networkingv1.NetworkPolicyIngressRule{From: []networkingv1.NetworkPolicyPeer{w.peer(b)}},
				networkingv1.NetworkPolicyIngressRule{Ports: []networkingv1.NetworkPolicyPort{port}})
		}, func(r verdicts.Result) bool { return r.To.Tenant == b && r.Port == 9007 }},
		{"all closed again", func() { w.wall(b) }, func(verdicts.Result) bool { return false }},
	} {
		step.mutate()
		o := w.run()
		counts := map[suites.Address]int{}
		var wrong []string
		for _, r := range o.record.Results {
			counts[r.Address]++
			want := verdicts.Isolated
			if step.leaks(r) {
				want = verdicts.Leak
			}
			if v := oneSided(r, want); v != r.Verdict {
				wrong = append(wrong, r.ID+" is "+string(r.Verdict)+": "+r.Why)
			}
		}
		require.Empty(t, strings.Join(wrong, "\n"), step.name)
		pairs := 4 // one namespace and two, both ways
		require.Equal(t, pairs*(3+1)*3, counts[suites.PodIP2], "three ports and an echo request, each on three cells")
		require.Len(t, o.record.Results, w.size()+counts[suites.PodIP2])
		require.Equal(t, o.record.Summary.Sensitivity.Controls, o.record.Summary.Sensitivity.Reached)
		w.requireClean()
	}
}

var ciliumPolicies = schema.GroupVersionResource{Group: "cilium.io", Version: "v2", Resource: "ciliumnetworkpolicies"}

const echoName = "echo"

// openEchoIPv6 lets echo requests of one family alone into a tenant's namespaces.
func (w *world) openEchoIPv6(tenant string) {
	w.t.Helper()
	for _, ns := range w.spaces[tenant] {
		policy := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
			"metadata": map[string]any{"name": echoName, "namespace": ns},
			"spec": map[string]any{
				"endpointSelector": map[string]any{},
				"ingress": []any{map[string]any{
					"fromEntities": []any{"all"},
					"icmps":        []any{map[string]any{"fields": []any{map[string]any{"family": "IPv6", "type": int64(128)}}}},
				}},
			},
		}}
		_, err := w.cilium(ns).Create(context.Background(), policy, metav1.CreateOptions{})
		require.NoError(w.t, err)
	}
}

func (w *world) closeEchoIPv6(tenant string) {
	w.t.Helper()
	for _, ns := range w.spaces[tenant] {
		require.NoError(w.t, w.cilium(ns).Delete(context.Background(), echoName, metav1.DeleteOptions{}))
	}
}

func (w *world) cilium(ns string) dynamic.ResourceInterface {
	w.t.Helper()
	client, err := dynamic.NewForConfig(lab.config)
	require.NoError(w.t, err)
	return client.Resource(ciliumPolicies).Namespace(ns)
}
