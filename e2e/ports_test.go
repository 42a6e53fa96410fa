package e2e

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/partywall/partywall/verdicts"
)

// A policy that opens one port to everybody shows on that port alone, whether
// it names it by number, as the end of a range, as the pods of its namespace do,
// or by a name that no pod has now.
func TestPortsThatAPolicyOpens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	a, b := w.tenants[0], w.tenants[1]
	first, second := w.spaces[b][0], w.spaces[b][1]
	w.runPod(w.spaces[a][0], "app", corev1.ContainerPort{Name: "metrics", ContainerPort: 9464}, corev1.ContainerPort{Name: "pg", ContainerPort: 5432})
	w.runPod(first, "app", corev1.ContainerPort{Name: "metrics", ContainerPort: 9466})
	w.runPod(second, "app", corev1.ContainerPort{Name: "metrics", ContainerPort: 9467})
	end := int32(7010)
	open := func(protocol corev1.Protocol, port intstr.IntOrString, end *int32) networkingv1.NetworkPolicyIngressRule {
		return networkingv1.NetworkPolicyIngressRule{Ports: []networkingv1.NetworkPolicyPort{{Protocol: &protocol, Port: &port, EndPort: end}}}
	}
	byName := open(tcp, intstr.FromString("metrics"), nil)
	w.requirePorts("closed", nil, 0)
	w.setPolicy(a, w.own(a), open(tcp, intstr.FromInt32(5432), nil), byName, open(tcp, intstr.FromString("late"), nil), open(udp, intstr.FromInt32(7000), &end))
	w.setPolicy(b, w.own(b), byName)
	w.requirePorts("open", map[string]bool{
		w.spaces[a][0] + " tcp 5432": true, w.spaces[a][0] + " tcp 9464": true, w.spaces[a][0] + " tcp 20200": true,
		w.spaces[a][0] + " udp 7000": true, w.spaces[a][0] + " udp 7010": true, first + " tcp 9466": true, second + " tcp 9467": true,
	}, 1)
	w.requireClean()
}

// Where a tenant's only walls are those of others for what leaves them, the port
// that these let through is the hole.
func TestPortsThatThePolicyOfTheSourceOpens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	a, b := w.tenants[0], w.tenants[1]
	w.deletePolicy(b)
	number := intstr.FromInt32(5432)
	system := networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: metav1.NamespaceSystem}}}
	w.closeEgress(a,
		networkingv1.NetworkPolicyEgressRule{To: []networkingv1.NetworkPolicyPeer{w.peer(a), system}},
		networkingv1.NetworkPolicyEgressRule{Ports: []networkingv1.NetworkPolicyPort{{Protocol: &tcp, Port: &number}}})
	o := w.run()
	require.Equal(t, 1, o.exit, o.stderr)
	open := 0
	for _, r := range o.record.Results {
		want := verdicts.Isolated
		if r.From.Tenant == a && r.Port == 5432 {
			want = verdicts.Leak
			open++
		}
		require.Equal(t, oneSided(r, want), r.Verdict, "%s: %s", r.ID, r.Why)
	}
	require.Equal(t, 2*3*2, open, "by two addresses on three cells of two namespaces")
	w.requireClean()
}

// requirePorts wants leaks on some ports of some namespaces, by two addresses on
// three cells from each namespace of another tenant, and on no others.
func (w *world) requirePorts(name string, leaks map[string]bool, exit int) {
	w.t.Helper()
	o := w.run()
	tried := map[string]int{}
	for _, r := range o.record.Results {
		want, port := verdicts.Isolated, r.To.Namespace+" "+r.Protocol+" "+strconv.Itoa(r.Port)
		if tried[port]++; leaks[port] {
			want = verdicts.Leak
		}
		require.Equal(w.t, oneSided(r, want), r.Verdict, "%s: %s: %s", name, r.ID, r.Why)
	}
	require.Equal(w.t, exit, o.exit, name)
	for ns, ports := range map[string][]string{w.spaces[w.tenants[0]][0]: {"tcp 5432", "tcp 9464"}, w.spaces[w.tenants[1]][0]: {"tcp 9466", "tcp 9467"}} {
		for _, port := range ports {
			require.NotZero(w.t, tried[ns+" "+port], "%s: the pods' own ports are tried anyhow: %v", name, tried)
		}
	}
	for port := range leaks {
		from := 2
		if !strings.HasPrefix(port, w.spaces[w.tenants[0]][0]) {
			from = 1
		}
		require.Equal(w.t, 2*3*from, tried[port], "%s: %v", name, tried)
	}
}

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
