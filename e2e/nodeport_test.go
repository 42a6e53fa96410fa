package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

// withNodePorts are the checks that are made by ports of the nodes too.
var withNodePorts = []string{"--targets", "node-ports", "--check", "tcp,udp"}

// keepsSource says that the lab's kube-proxy leaves the source's address on
// the way: it does for a pod that asks its own node about a pod there.
func keepsSource(r verdicts.Result) bool {
	return r.Address == suites.NodePort && r.Placement == suites.SameNode
}

// requireByNode holds the attempts by ports of the nodes against what they
// ought to be, and all others against another.
func requireByNode(t *testing.T, results []verdicts.Result, byNode, others want) {
	t.Helper()
	seen := 0
	for _, r := range results {
		want := others
		if r.Address.ByNode() {
			want = byNode
			seen++
		}
		require.Equal(t, want(r), r.Verdict, "%s: %s", r.ID, r.Why)
	}
	require.Equal(t, 4*2*2*3, seen, "four pairs of namespaces, two ports, two nodes, three cells")
}

// A wall that lets addresses in which are no pod's is one that lets in whoever
// asks by a node's port, behind which the lab's kube-proxy puts a node's own
// address, or that of its side of the pods' network: that shows on those
// attempts alone. A wall that lets no such address in keeps everybody from
// those ways, and nothing is claimed of them.
func TestNodePorts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	open := w.tenants[0]
	for _, step := range []struct {
		name   string
		mutate func()
		leaks  func(verdicts.Result) bool
		exit   int
	}{
		{"all walls up", func() {}, func(verdicts.Result) bool { return false }, 0},
		{"nodes are let in", func() { w.setPolicy(open, w.own(open), fromBlock(w.nodeBlocks()...)) },
			func(r verdicts.Result) bool { return r.Address == suites.OtherNodePort }, 1},
		{"everybody who is no pod is let in", func() { w.setPolicy(open, w.own(open), fromBlock("0.0.0.0/0")) },
			func(r verdicts.Result) bool { return r.Address == suites.NodePort && !keepsSource(r) }, 1},
		{"the wall is deleted", func() { w.deletePolicy(open) }, func(verdicts.Result) bool { return true }, 1},
		{"all closed again", func() { w.wall(open) }, func(verdicts.Result) bool { return false }, 0},
	} {
		step.mutate()
		o := w.run(withNodePorts...)
		leakOr := func(otherwise want) want {
			return func(r verdicts.Result) verdicts.Verdict {
				if r.To.Tenant != open || !step.leaks(r) {
					return otherwise(r)
				}
				require.Equal(t, verdicts.TwoSided, r.Grade, r.ID)
				require.NotZero(t, r.Evidence.Rounds[0].Receipts, "%s: its nonce names it, whatever its address", r.ID)
				return verdicts.Leak
			}
		}
		requireByNode(t, o.record.Results, leakOr(closedByNode), leakOr(allIsolated))
		require.Equal(t, step.exit, o.exit, "%s: %v: %s", step.name, o.record.Summary.NotRun, o.stderr)
		w.requireClean()
	}
}

// closedByNode is what there is to say of a way by a node's port that is closed.
func closedByNode(r verdicts.Result) verdicts.Verdict {
	if keepsSource(r) {
		return verdicts.Isolated
	}
	return verdicts.Skipped
}

func (w *world) own(tenant string) networkingv1.NetworkPolicyIngressRule {
	return networkingv1.NetworkPolicyIngressRule{From: []networkingv1.NetworkPolicyPeer{w.peer(tenant)}}
}

func fromBlock(blocks ...string) networkingv1.NetworkPolicyIngressRule {
	var rule networkingv1.NetworkPolicyIngressRule
	for _, block := range blocks {
		rule.From = append(rule.From, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: block}})
	}
	return rule
}

func (w *world) nodeBlocks() []string {
	w.t.Helper()
	nodes, err := lab.admin.CoreV1().Nodes().List(context.Background(), metav1.ListOptions{})
	require.NoError(w.t, err)
	var blocks []string
	for _, n := range nodes.Items {
		for _, a := range n.Status.Addresses {
			if a.Type == corev1.NodeInternalIP {
				blocks = append(blocks, a.Address+"/32")
			}
		}
	}
	return blocks
}

// Ports that a quota refuses are not tried, and all else is.
func TestNodePortsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	poor := w.tenants[0]
	ns := w.spaces[poor][0]
	_, err := lab.admin.CoreV1().ResourceQuotas(ns).Create(context.Background(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "closed", Namespace: ns},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourceServicesNodePorts: resource.MustParse("0")}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	w.awaitQuota(ns)
	o := w.run(withNodePorts...)
	require.Equal(t, 3, o.exit, o.stderr)
	requireByNode(t, o.record.Results, func(r verdicts.Result) verdicts.Verdict {
		if r.To.Tenant == poor {
			require.Contains(t, r.Why, "exceeded quota: closed", r.ID)
			return verdicts.Inconclusive
		}
		return closedByNode(r)
	}, allIsolated)
	w.requireClean()
}

// A port that goes away in the middle is no wall.
func TestNodePortThatGoesAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	gone := w.tenants[0]
	w.nodePorts = true
	results, _ := w.inProcess(w.context(), lab.runner, func(o *runner.Options) {
		o.Progress = hook{t: t, phase: "round 2 of 2: controls before", do: func() {
			ctx, services := context.Background(), lab.admin.CoreV1().Services(w.spaces[gone][0])
			list, err := services.List(ctx, metav1.ListOptions{})
			require.NoError(t, err)
			for _, s := range list.Items {
				if strings.HasSuffix(s.Name, "-nodes") {
					require.NoError(t, services.Delete(ctx, s.Name, metav1.DeleteOptions{}))
				}
			}
		}}
	})
	requireByNode(t, results, func(r verdicts.Result) verdicts.Verdict {
		switch {
		case !keepsSource(r):
			return r.Verdict // of which nothing is claimed anyhow
		case r.To.Tenant == gone:
			return verdicts.Inconclusive
		}
		return verdicts.Isolated
	}, func(r verdicts.Result) verdicts.Verdict { return oneSided(r, verdicts.Isolated) })
	for _, r := range results {
		require.False(t, r.To.Tenant == gone && r.Address.ByNode() && r.Verdict == verdicts.Isolated, r.ID)
	}
	w.requireClean()
}
