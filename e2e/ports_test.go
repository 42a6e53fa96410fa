package e2e

import (
	"context"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/partywall/partywall/verdicts"
)

// A policy that opens one port to everybody shows on that port alone, whether
// it names it by number, as the end of a range, or as the containers do.
func TestPortsThatAPolicyOpens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	a, b := w.tenants[0], w.tenants[1]
	w.runPod(w.spaces[a][0], "app", corev1.ContainerPort{Name: "metrics", ContainerPort: 9464}, corev1.ContainerPort{Name: "pg", ContainerPort: 5432})
	tcp, udp, end := corev1.ProtocolTCP, corev1.ProtocolUDP, int32(7010)
	own := networkingv1.NetworkPolicyIngressRule{From: []networkingv1.NetworkPolicyPeer{w.peer(a)}}
	open := func(protocol corev1.Protocol, port intstr.IntOrString, end *int32) networkingv1.NetworkPolicyIngressRule {
		return networkingv1.NetworkPolicyIngressRule{Ports: []networkingv1.NetworkPolicyPort{{Protocol: &protocol, Port: &port, EndPort: end}}}
	}
	for _, step := range []struct {
		name  string
		rules []networkingv1.NetworkPolicyIngressRule
		leaks map[string]bool
		exit  int
	}{
		{"none", []networkingv1.NetworkPolicyIngressRule{own}, nil, 0},
		{"by number", []networkingv1.NetworkPolicyIngressRule{own, open(tcp, intstr.FromInt32(5432), nil)}, map[string]bool{"tcp 5432": true}, 1},
		{"by name", []networkingv1.NetworkPolicyIngressRule{own, open(tcp, intstr.FromString("metrics"), nil)}, map[string]bool{"tcp 9464": true}, 1},
		{"by range", []networkingv1.NetworkPolicyIngressRule{own, open(udp, intstr.FromInt32(7000), &end)}, map[string]bool{"udp 7000": true, "udp 7010": true}, 1},
	} {
		w.setPolicy(a, step.rules...)
		o := w.run()
		tried := map[string]int{}
		for _, r := range o.record.Results {
			want := verdicts.Isolated
			port := r.Protocol + " " + portWord(r.Port)
			if r.To.Tenant == a && r.From.Tenant == b {
				tried[port]++
				if step.leaks[port] {
					want = verdicts.Leak
				}
			}
			require.Equal(t, oneSided(r, want), r.Verdict, "%s: %s: %s", step.name, r.ID, r.Why)
		}
		require.Equal(t, step.exit, o.exit, step.name)
		for _, port := range []string{"tcp 5432", "tcp 9464"} {
			require.Equal(t, 2*3*2, tried[port], "%s: the pods' own ports are tried anyhow: %v", step.name, tried)
		}
		for port := range step.leaks {
			require.Equal(t, 2*3*2, tried[port], "%s: by two addresses on three cells, from two namespaces: %v", step.name, tried)
		}
	}
	w.requireClean()
}

func portWord(port int) string { return strconv.Itoa(port) }

// runPod starts a tenant's own pod, restricted as its namespace demands.
func (w *world) runPod(ns, name string, ports ...corev1.ContainerPort) {
	w.t.Helper()
	_, err := lab.admin.CoreV1().Pods(ns).Create(context.Background(), restrictedPod(name, nil, ports...), metav1.CreateOptions{})
	require.NoError(w.t, err)
}

// restrictedPod runs the lab's own prober, which shares nothing with a probe.
func restrictedPod(name string, labels map[string]string, ports ...corev1.ContainerPort) *corev1.Pod {
	no, yes, user := false, true, int64(1000)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: new(int64), AutomountServiceAccountToken: &no,
			SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: &yes, RunAsUser: &user,
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{
				Name: "probe", Image: "docker.io/partywall-lab/prober:1", ImagePullPolicy: corev1.PullNever, Args: []string{"serve", name}, Ports: ports,
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
			}},
		},
	}
}
