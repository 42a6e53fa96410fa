package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/partywall/partywall/verdicts"
)

// Each hole that is opened shows as exactly its own cells, and closes again.
func TestEveryHoleShowsAsItsOwnCells(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	a, b, c := w.tenants[0], w.tenants[1], w.tenants[2]
	udp := corev1.ProtocolUDP
	own := func(tenant string) networkingv1.NetworkPolicyIngressRule {
		return networkingv1.NetworkPolicyIngressRule{From: []networkingv1.NetworkPolicyPeer{w.peer(tenant)}}
	}
	leakIf := func(leaks func(verdicts.Result) bool) want {
		return func(r verdicts.Result) verdicts.Verdict {
			if leaks(r) {
				return verdicts.Leak
			}
			return verdicts.Isolated
		}
	}
	for _, step := range []struct {
		name   string
		mutate func()
		want   want
		cause  string // which words of each leak's tell the hole
		exit   int
	}{
		{"all walls up", func() {}, allIsolated, "", 0},
		{"the policy of b is deleted", func() { w.deletePolicy(b) },
			leakIf(func(r verdicts.Result) bool { return r.To.Tenant == b }), "has no NetworkPolicy", 1},
		{"the selector of c is widened to a", func() {
			w.wall(b)
			w.setPolicy(c, networkingv1.NetworkPolicyIngressRule{From: []networkingv1.NetworkPolicyPeer{w.peer(c), w.peer(a)}})
		}, leakIf(func(r verdicts.Result) bool { return r.From.Tenant == a && r.To.Tenant == c }), "it is for all pods of namespaces with ", 1},
		{"a opens UDP to everybody", func() {
			w.wall(c)
			w.setPolicy(a, own(a), networkingv1.NetworkPolicyIngressRule{Ports: []networkingv1.NetworkPolicyPort{{Protocol: &udp}}})
		}, leakIf(func(r verdicts.Result) bool { return r.To.Tenant == a && r.Check == "udp" }), "it is for everybody on every port of udp", 1},
		{"all closed again", func() { w.wall(a) }, allIsolated, "", 0},
	} {
		step.mutate()
		others := w.others()
		o := w.run()
		require.Equal(t, others, w.others(), "the run touched what is not its own")
		w.requireMatrix(o, step.want)
		for _, r := range ofSuite("network", o.record.Results) {
			if r.Verdict != verdicts.Leak {
				require.Empty(t, r.Cause, r.ID)
				continue
			}
			require.Contains(t, r.Cause, step.cause, r.ID)
		}
		require.Equal(t, step.exit, o.exit, "%s: %s", step.name, o.stderr)
		require.Equal(t, o.record.Summary.Sensitivity.Controls, o.record.Summary.Sensitivity.Reached)
		require.False(t, o.record.Summary.Incomplete)
		w.requireClean()
	}
}
