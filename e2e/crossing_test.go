package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/partywall/partywall/verdicts"
)

// A declared crossing has to work, on its port and for its tenant alone.
func TestCrossing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	a, b := w.tenants[0], w.tenants[1]
	w.extra = fmt.Sprintf("crossings:\n- {from: %s, to: %s, ports: [tcp/8080, tcp/443], reason: replica}\n", a, b)
	o := w.run()
	require.Equal(t, 1, o.exit, "a crossing that is declared and blocked fails")
	declared := func(r verdicts.Result) bool {
		return r.From.Tenant == a && r.To.Tenant == b && r.Protocol == "tcp" && (r.Port == 8080 || r.Port == 443)
	}
	verdictsOf := func(crossing verdicts.Verdict) want {
		return func(r verdicts.Result) verdicts.Verdict {
			if declared(r) {
				return crossing
			}
			return verdicts.Isolated
		}
	}
	requireEach(t, o.record.Results, verdictsOf(verdicts.Broken))

	tcp := corev1.ProtocolTCP
	port := func(n int32) networkingv1.NetworkPolicyPort {
		p := intstr.FromInt32(n)
		return networkingv1.NetworkPolicyPort{Protocol: &tcp, Port: &p}
	}
	w.setPolicy(b,
		networkingv1.NetworkPolicyIngressRule{From: []networkingv1.NetworkPolicyPeer{w.peer(b)}},
		networkingv1.NetworkPolicyIngressRule{
			From: []networkingv1.NetworkPolicyPeer{w.peer(a)}, Ports: []networkingv1.NetworkPolicyPort{port(8080), port(443)},
		})
	o = w.run()
	require.Equal(t, 0, o.exit, o.stderr)
	requireEach(t, o.record.Results, verdictsOf(verdicts.Allowed))

	w.extra += fmt.Sprintf("exceptions:\n- {match: 'network/*/%s.*->%s.*', reason: known, owner: net, expires: 2999-01-01}\n", w.tenants[2], a)
	w.deletePolicy(a)
	o = w.run()
	require.Equal(t, 1, o.exit, o.stderr)
	requireEach(t, o.record.Results, func(r verdicts.Result) verdicts.Verdict {
		switch {
		case r.To.Tenant == a && r.From.Tenant == w.tenants[2]:
			return verdicts.Excepted
		case r.To.Tenant == a:
			return verdicts.Leak
		}
		return verdictsOf(verdicts.Allowed)(r)
	})
	w.requireClean()
}

func requireEach(t *testing.T, results []verdicts.Result, want want) {
	t.Helper()
	for _, r := range results {
		require.Equal(t, oneSided(r, want(r)), r.Verdict, "%s: %s", r.ID, r.Why)
	}
}
