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

// A policy that selects some of a tenant's pods and not its probes shows on
// its real Services alone.
func TestRealServices(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	ns, ctx := w.spaces[w.tenants[0]][0], context.Background()
	labels := map[string]string{"app": "web"}
	_, err := lab.admin.CoreV1().Pods(ns).Create(ctx, restrictedPod("web", labels, corev1.ContainerPort{ContainerPort: 8080}), metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = lab.admin.CoreV1().Services(ns).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Port: 8080}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	w.extra = "services:\n- {namespace: " + ns + ", service: web, ports: [tcp/8080]}\n"
	requireAll := func(o outcome, want verdicts.Verdict, exit int) {
		require.Len(t, o.record.Results, 2*(2+3), "from each namespace of the other tenant a connection and a head, and three ways in that there are not")
		for _, r := range o.record.Results {
			if r.Address != suites.ServiceName {
				require.Equal(t, verdicts.Skipped, r.Verdict, "%s: %s", r.ID, r.Why)
				continue
			}
			require.Equal(t, want, r.Verdict, "%s: %s", r.ID, r.Why)
		}
		require.Equal(t, exit, o.exit, o.stderr)
	}
	requireAll(w.run("--suite", "services", "--targets", "services"), verdicts.Unreached, 0)

	_, err = lab.admin.NetworkingV1().NetworkPolicies(ns).Create(ctx, &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "open"},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: labels},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}, Ingress: []networkingv1.NetworkPolicyIngressRule{{}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	w.requireMatrix(w.run(), allIsolated)
	requireAll(w.run("--suite", "services", "--targets", "services"), verdicts.Leak, 1)

	zero := int64(0)
	require.NoError(t, lab.admin.CoreV1().Pods(ns).Delete(ctx, "web", metav1.DeleteOptions{GracePeriodSeconds: &zero}))
	requireAll(w.run("--suite", "services", "--targets", "services"), verdicts.Inconclusive, 3)
	w.requireClean()
}
