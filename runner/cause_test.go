package runner

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A policy that lets in another tenant's workload, and no probe, is a hole that
// no attempt sees, which the run says.
func TestWhatNoProbeMeetsIsSaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tenantsOf("t1", "t2"))
		w.wall = closed
		for _, ns := range []string{"t1", "t2"} {
			require.NoError(t, w.client.Tracker().Add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}))
		}
		require.NoError(t, w.client.Tracker().Add(&networkingv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Namespace: "t2", Name: "front"},
			Spec: networkingv1.NetworkPolicySpec{
				PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
				Ingress: []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{{
					NamespaceSelector: &metav1.LabelSelector{}, PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"role": "frontend"}},
				}}}},
			},
		}))
		_, e := w.run(t.Context())
		assert.Equal(t, []string{"NetworkPolicy front of namespace t2 lets in pods of t1 by labels that no probe there has (role=frontend): " +
			"what they reach is not tried; a shadow of a workload with these labels tries it"}, e.Notes)
		w.requireClean(e)
	})
}
