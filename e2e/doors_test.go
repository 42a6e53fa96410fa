package e2e

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

// The addresses are of the network of outside hosts, and no host's.
const (
	externalIP   = "198.51.100.77"
	balancerIP   = "198.51.100.78"
	servicesOnly = "services"
)

// expose makes a Service of a tenant's own that has ports of the nodes, before a
// pod on the first of them, where the probes that control it are; and external
// addresses, which no two Services may share, where it is given any.
func (w *world) expose(ns string, external ...string) *corev1.Service {
	w.t.Helper()
	ctx, labels := context.Background(), map[string]string{"app": "web"}
	pod := restrictedPod("web", labels, corev1.ContainerPort{ContainerPort: 8080})
	pod.Spec.NodeName = nodes[0]
	_, err := lab.admin.CoreV1().Pods(ns).Create(ctx, pod, metav1.CreateOptions{})
	require.NoError(w.t, err)
	s, err := lab.admin.CoreV1().Services(ns).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, Selector: labels, ExternalIPs: external, Ports: []corev1.ServicePort{{Port: 8080}},
		},
	}, metav1.CreateOptions{})
	require.NoError(w.t, err)
	w.extra = "services:\n- {namespace: " + ns + ", service: web, ports: [tcp/8080]}\n"
	return s
}

// closedDoor is what there is to say of a Service by each way while its wall
// lets in its own tenant alone. By a load balancer and by a node's port the
// lab's kube-proxy puts a node's address in the source's place, but Cilium still
// knows a pod that asks on the serving pod's node by its identity; by an external
// address Cilium itself leads, as by the Service's own.
func closedDoor(r verdicts.Result) verdicts.Verdict {
	if r.Address == suites.NodePort && r.Placement == suites.CrossNode {
		return verdicts.Skipped
	}
	return verdicts.Unreached
}

// A wall that lets the nodes in lets in whoever asks by a load balancer or a
// node's port, and a policy shows on those ways alone.
func TestServiceDoors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	open, ns := w.tenants[0], w.spaces[w.tenants[0]][0]
	s := w.expose(ns, externalIP)
	s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: balancerIP}}
	_, err := lab.admin.CoreV1().Services(ns).UpdateStatus(context.Background(), s, metav1.UpdateOptions{})
	require.NoError(t, err)
	tried := func(name string, exit int, want want) {
		o := w.run("--suite", servicesOnly, "--targets", servicesOnly)
		require.Len(t, o.record.Results, 2*2*5, "%s: from two namespaces, a connection and a head, by five ways", name)
		w.requireVerdicts(o.record.Results, want)
		require.Equal(t, exit, o.exit, "%s: %s", name, o.stderr)
		w.requireClean()
	}
	all := func(v verdicts.Verdict) want { return func(verdicts.Result) verdicts.Verdict { return v } }

	tried("all walls up", 0, closedDoor)
	w.setPolicy(open, w.own(open), fromBlock(w.nodeBlocks()...))
	tried("nodes are let in", 1, func(r verdicts.Result) verdicts.Verdict {
		if r.Address == suites.NodePort || r.Address == suites.LoadBalancer {
			return verdicts.Leak
		}
		return verdicts.Unreached
	})
	w.deletePolicy(open)
	tried("the wall is deleted", 1, all(verdicts.Leak))
	w.wall(open)
	tried("all closed again", 0, closedDoor)
	zero := int64(0)
	require.NoError(t, lab.admin.CoreV1().Pods(ns).Delete(context.Background(), "web", metav1.DeleteOptions{GracePeriodSeconds: &zero}))
	tried("nothing serves", 3, all(verdicts.Inconclusive))
}

// The ports of the nodes are a way out of its namespaces until their egress
// leads to its own tenant alone. What reaches nothing at all proves nothing.
func TestNodePortsAsAWayOut(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, 2)
	locked := w.tenants[0]
	w.expose(w.spaces[w.tenants[1]][0])
	w.promises = []string{"egress: {nodePorts: denied}"}
	tried := func(name string, exit int, ofLocked verdicts.Verdict) {
		o := w.run("--suite", "egress", "--check", "node-ports", "--targets", "node-ports,services")
		require.Len(t, o.record.Results, 3*2*2, "%s: from three namespaces, a probe and a Service, by two nodes", name)
		w.requireVerdicts(o.record.Results, func(r verdicts.Result) verdicts.Verdict {
			if r.From.Tenant == locked {
				return ofLocked
			}
			return verdicts.Leak
		})
		require.Equal(t, exit, o.exit, "%s: %s", name, o.stderr)
		w.requireClean()
	}
	tried("nothing is closed", 1, verdicts.Leak)
	w.closeEgress(locked, networkingv1.NetworkPolicyEgressRule{To: []networkingv1.NetworkPolicyPeer{w.peer(locked)}})
	tried("to its own tenant alone", 1, verdicts.Unreached)
	w.openEgress(locked) // by no rule
	tried("to nobody", 1, verdicts.Inconclusive)
	require.NoError(t, lab.admin.NetworkingV1().NetworkPolicies(w.spaces[locked][0]).Delete(context.Background(), "egress", metav1.DeleteOptions{}))
	tried("all open again", 1, verdicts.Leak)
}
