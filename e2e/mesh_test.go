package e2e

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/dynamic"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/verdicts"
)

// requireMesh skips a test on a lab without a mesh, unless the environment says
// that it is to be had.
func requireMesh(t *testing.T) {
	t.Helper()
	_, err := lab.admin.AppsV1().Deployments("istio-system").Get(context.Background(), "istiod", metav1.GetOptions{})
	if os.Getenv("PARTYWALL_MESH") == "required" {
		require.NoError(t, err, "the lab has no mesh")
	}
	if err != nil {
		t.Skip("the lab has no mesh; `make test-mesh` runs this on one that has")
	}
}

// inject has the mesh put its proxy into the pods of a tenant, one of which is
// there.
func (w *world) inject(tenant string) {
	w.t.Helper()
	ctx := context.Background()
	for _, ns := range w.spaces[tenant] {
		// Redirection is made by an init container, which needs more than a
		// restricted pod may have.
		labels := `{"metadata":{"labels":{"istio-injection":"enabled","pod-security.kubernetes.io/enforce":"privileged"}}}`
		_, err := lab.admin.CoreV1().Namespaces().Patch(ctx, ns, types.MergePatchType, []byte(labels), metav1.PatchOptions{})
		require.NoError(w.t, err)
		pod, err := lab.admin.CoreV1().Pods(ns).Create(ctx, restrictedPod("real", nil), metav1.CreateOptions{})
		require.NoError(w.t, err)
		require.True(w.t, tenancy.HasProxy(*pod), "the mesh injects into %s", ns)
	}
}

// inMesh is a world of two tenants, both of which have the mesh's proxies.
func inMesh(t *testing.T) (w *world, a, b string) {
	t.Helper()
	w = newWorld(t, 2)
	a, b = w.tenants[0], w.tenants[1]
	w.inject(a)
	w.inject(b)
	return w, a, b
}

// The mesh's two halves of a wall: whoever has no identity is refused, and of
// those that have one only the tenant's own are let in.
const (
	identity      = "peerauthentications"
	authorisation = "authorizationpolicies"
)

// ownOf are the namespaces of a tenant, as a policy lists them.
func (w *world) ownOf(tenant string) []any {
	var own []any
	for _, ns := range w.spaces[tenant] {
		own = append(own, ns)
	}
	return own
}

// secure has a tenant's proxies hold one of them, or both.
func (w *world) secure(tenant string, halves ...string) {
	w.t.Helper()
	own := w.ownOf(tenant)
	kinds := map[string]string{identity: "PeerAuthentication", authorisation: "AuthorizationPolicy"}
	specs := map[string]map[string]any{
		identity:      {"mtls": map[string]any{"mode": "STRICT"}},
		authorisation: {"rules": []any{map[string]any{"from": []any{map[string]any{"source": map[string]any{"namespaces": own}}}}}},
	}
	for _, ns := range w.spaces[tenant] {
		for resource := range kinds {
			client := w.ofMesh(ns, resource)
			if !slices.Contains(halves, resource) {
				err := client.Delete(context.Background(), "own", metav1.DeleteOptions{})
				require.NoError(w.t, ignoreGone(err))
				continue
			}
			_, err := client.Apply(context.Background(), "own", &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "security.istio.io/v1", "kind": kinds[resource], "metadata": map[string]any{"name": "own", "namespace": ns}, "spec": specs[resource],
			}}, metav1.ApplyOptions{FieldManager: "e2e"})
			require.NoError(w.t, err)
		}
	}
}

func ignoreGone(err error) error {
	if gone(err) {
		return nil
	}
	return err
}

func (w *world) ofMesh(ns, resource string) dynamic.ResourceInterface {
	w.t.Helper()
	return w.ofIstio("security.istio.io", "v1", ns, resource)
}

func (w *world) ofIstio(group, version, ns, resource string) dynamic.ResourceInterface {
	w.t.Helper()
	client, err := dynamic.NewForConfig(lab.config)
	require.NoError(w.t, err)
	return client.Resource(schema.GroupVersionResource{Group: group, Version: version, Resource: resource}).Namespace(ns)
}

// heldBy is the truth about a target whose walls are of the mesh alone: what it
// keeps from whoever has a proxy, and from whoever has none.
func heldBy(halves ...string) want {
	return func(r verdicts.Result) verdicts.Verdict {
		switch {
		case strings.HasPrefix(r.Check, "tls-"):
			return verdicts.Isolated // whoever opens TLS has to show who it is, also where plain connections are taken
		case r.From.Sidecar && (r.Check == "host-dot" || r.Check == "host-other") && slices.Contains(halves, identity):
			return verdicts.Isolated // its own proxy does not know that host, and sends it on without an identity
		case r.Check == "proxy-port", r.Check == "banner" && r.From.Sidecar:
			return verdicts.Leak // before any policy of the mesh is asked
		case r.From.Sidecar && slices.Contains(halves, authorisation), !r.From.Sidecar && len(halves) > 0:
			return verdicts.Isolated
		}
		return verdicts.Leak
	}
}

// evenWithout is the truth where what gets a connection counts, whatever the mesh
// makes of it.
func evenWithout(mesh want) want {
	return func(r verdicts.Result) verdicts.Verdict {
		if !r.From.Sidecar && slices.Contains([]string{"http", "h2c", "tcp", "banner"}, r.Check) { // other forms of http say it no better
			return verdicts.Leak
		}
		return mesh(r)
	}
}

// Each layer of a wall shows as exactly what it keeps from others: what the mesh
// decides by an identity, what it cannot decide about, and what only the network
// keeps. Each part that is taken away shows, and closes again.
func TestEveryLayerOfAMeshShowsAsItsOwnCells(t *testing.T) {
	requireMesh(t)
	w := newWorld(t, 3)
	a, outside, b := w.tenants[0], w.tenants[1], w.tenants[2]
	w.inject(a)
	w.inject(b)
	everybody := networkingv1.NetworkPolicyIngressRule{}
	open := map[int]verdicts.Verdict{15010: verdicts.Leak, 15014: verdicts.Leak, 443: verdicts.Leak}
	for _, step := range []struct {
		name    string
		mutate  func()
		want    want
		control map[int]verdicts.Verdict // of the control plane's ports
		alone   bool                     // the network is promised to hold by itself
		layers  [2]verdicts.Layer        // network and mesh, from b to a
	}{
		{"walled off by the network", func() {}, allIsolated, open, true, [2]verdicts.Layer{verdicts.LayerHolds, verdicts.LayerUnseen}},
		{"open to everybody", func() { w.setPolicy(a, everybody) }, heldBy(), open, false, [2]verdicts.Layer{verdicts.LayerOpen, verdicts.LayerOpen}},
		{"walled off by the mesh", func() { w.secure(a, identity, authorisation) }, heldBy(identity, authorisation), open, false, [2]verdicts.Layer{verdicts.LayerOpen, verdicts.LayerOpen}},
		{"which is not enough", func() {}, evenWithout(heldBy(identity, authorisation)), open, true, [2]verdicts.Layer{verdicts.LayerOpen, verdicts.LayerOpen}},
		{"who it is, and not what it may", func() { w.secure(a, identity) }, heldBy(identity), open, false, [2]verdicts.Layer{verdicts.LayerOpen, verdicts.LayerOpen}},
		{"by the network and the mesh", func() { w.secure(a, identity, authorisation); w.wall(a); w.wallControlPlane() }, allIsolated,
			map[int]verdicts.Verdict{15010: verdicts.Unreached, 15014: verdicts.Unreached, 443: verdicts.Leak}, true, [2]verdicts.Layer{verdicts.LayerHolds, verdicts.LayerUnseen}},
	} {
		step.mutate()
		w.promises = nil
		if step.alone {
			w.promises = []string{"layers: [network]"}
		}
		others := w.others()
		o := w.run("--suite", "mesh")
		require.Equal(t, others, w.others(), "the run touched what is not its own")
		results := slices.DeleteFunc(ofSuite("mesh", o.record.Results), func(r verdicts.Result) bool { return r.Check == "egress" })
		// To one namespace from three, and to two from two, by probes with proxies and
		// without, on two cells: four requests, and from those without eight ports.
		// Each of the four namespaces tries three ports of the control plane, and
		// admission would be asked for eleven pods in each of the three with proxies. Of
		// each namespace's proxy it is asked what it knows of each of the other tenants', and
		// whom its workload is told of where one of them is named.
		// HTTP is tried in each of its other forms on one cell, from both kinds, and with
		// each identity from those without.
		require.Len(t, results, (3+2*2)*(2*(2*4+8+len(probes.Forms()))+len(probes.Identities()))+4*3+3*11+2*10)
		w.requireVerdicts(results, func(r verdicts.Result) verdicts.Verdict {
			switch {
			case r.Check == "known" && r.From.Tenant != outside:
				return verdicts.Leak // as a mesh comes
			case r.Check == "identity" && r.From.Tenant != outside:
				return verdicts.Unreached
			case strings.HasPrefix(r.Check, "bypass-"):
				return verdicts.Skipped // the runner may not ask
			case r.Check == "control-plane":
				return step.control[r.Port]
			case r.Check == "proxy-port" && !servesOthers(r.Port):
				return verdicts.Skipped
			case r.From.Tenant == outside && strings.HasSuffix(r.ID, "/sidecar"):
				return verdicts.Skipped // its namespace lets no pod redirect what it sends
			case r.To.Tenant == b:
				return oneSided(r, verdicts.Isolated)
			}
			return oneSided(r, step.want(r))
		})
		require.Equal(t, step.layers, layersBetween(results, b, a), step.name)
		w.requireClean()
	}
}

// layersBetween are those that results show of a pair.
func layersBetween(results []verdicts.Result, from, to string) [2]verdicts.Layer {
	var all verdicts.Layers
	for i := range results {
		all.Add(&results[i])
	}
	for _, p := range all.Pairs() {
		if p.From == from && p.To == to {
			return [2]verdicts.Layer{p.Network, p.Mesh}
		}
	}
	return [2]verdicts.Layer{}
}

// wallControlPlane leaves what proxies and the API server need of it.
func (w *world) wallControlPlane() {
	w.t.Helper()
	ctx, policies := context.Background(), lab.admin.NetworkingV1().NetworkPolicies("istio-system")
	var ports []networkingv1.NetworkPolicyPort
	for _, n := range []int32{15012, 15017} {
		port := intstr.FromInt32(n)
		ports = append(ports, networkingv1.NetworkPolicyPort{Port: &port})
	}
	_, err := policies.Create(ctx, &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: wallName},
		Spec: networkingv1.NetworkPolicySpec{
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}, Ingress: []networkingv1.NetworkPolicyIngressRule{{Ports: ports}},
		},
	}, metav1.CreateOptions{})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = policies.Delete(ctx, wallName, metav1.DeleteOptions{}) })
}

// servesOthers says that Istio's proxy answers at a port on the pod's address.
func servesOthers(port int) bool { return port == 15020 || port == 15021 || port == 15090 }

// Without the mesh's control plane no pod gets a proxy: nothing is known of
// what such a pod may, and nothing is claimed of it.
func TestMeshWithoutItsControlPlane(t *testing.T) {
	requireMesh(t)
	w, _, _ := inMesh(t)
	w.scaleIstiod(0)
	t.Cleanup(func() { w.scaleIstiod(1) })
	o := w.run("--suite", "mesh", "--deploy-timeout", "20s")
	results := ofSuite("mesh", o.record.Results)
	results = slices.DeleteFunc(results, func(r verdicts.Result) bool { return r.Out })
	require.NotEmpty(t, results)
	w.requireVerdicts(results, func(verdicts.Result) verdicts.Verdict { return verdicts.Inconclusive })
	for _, r := range results {
		require.Contains(t, r.Why, "failed calling webhook", r.ID)
	}
	require.NotZero(t, o.exit)
	w.requireClean()
}

// scaleIstiod waits until as many are available.
func (w *world) scaleIstiod(replicas int32) {
	w.t.Helper()
	ctx, deployments := context.Background(), lab.admin.AppsV1().Deployments("istio-system")
	_, err := deployments.UpdateScale(ctx, "istiod", &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{Name: "istiod", Namespace: "istio-system"}, Spec: autoscalingv1.ScaleSpec{Replicas: replicas},
	}, metav1.UpdateOptions{})
	require.NoError(w.t, err)
	require.Eventually(w.t, func() bool {
		found, err := lab.admin.DiscoveryV1().EndpointSlices("istio-system").List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=istiod"})
		ready := 0
		for _, s := range found.Items {
			ready += len(s.Endpoints)
		}
		d, got := deployments.Get(ctx, "istiod", metav1.GetOptions{})
		return err == nil && got == nil && ready == int(replicas) && d.Status.AvailableReplicas == replicas
	}, 2*time.Minute, time.Second)
}
