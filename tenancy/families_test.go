package tenancy

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func TestObserveWhetherTheClusterIsDualStack(t *testing.T) {
	pod := func(addresses ...string) *corev1.Pod {
		p := podOn("web", "p")
		for _, ip := range addresses {
			p.Status.PodIPs = append(p.Status.PodIPs, corev1.PodIP{IP: ip})
		}
		return p
	}
	onHost := pod("192.0.2.1", "2001:db8::1")
	onHost.Spec.HostNetwork = true
	node := func(ranges ...string) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Spec: corev1.NodeSpec{PodCIDRs: ranges}}
	}
	for _, c := range []struct {
		name    string
		objects []runtime.Object
		blind   bool // the runner may not list nodes
		want    bool
		note    bool
	}{
		{"a pod with both", []runtime.Object{pod("10.0.0.1", "fd00::1")}, false, true, false},
		{"a pod with both, whatever the nodes say", []runtime.Object{pod("fd00::1", "10.0.0.1")}, true, true, false},
		{"pods with one, nodes with one", []runtime.Object{pod("10.0.0.1"), node("10.0.0.0/24")}, false, false, false},
		{"pods that are older than the second family", []runtime.Object{pod("10.0.0.1"), node("10.0.0.0/24", "fd00::/64")}, false, true, false},
		{"no pods, nodes with both", []runtime.Object{node("fd00::/64", "10.0.0.0/24")}, false, true, false},
		{"a pod of its node's network", []runtime.Object{onHost, node("10.0.0.0/24")}, false, false, false},
		{"two of one family", []runtime.Object{pod("10.0.0.1", "10.0.0.2")}, false, false, false},
		{"IPv6 alone", []runtime.Object{pod("fd00::1"), node("fd00::/64")}, false, false, false},
		{"what is no address", []runtime.Object{pod("10.0.0.1", "x"), node("y", "10.0.0.0/24")}, false, false, false},
		{"a pod with one, and no look at nodes", []runtime.Object{pod("10.0.0.1")}, true, false, false},
		{"nothing to see", nil, true, false, true},
		{"a pod of its node's network, and no look at nodes", []runtime.Object{onHost}, true, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := fake.NewClientset(c.objects...)
			client.PrependReactor("list", "nodes", func(clienttesting.Action) (bool, runtime.Object, error) {
				return c.blind, nil, errors.New("no rights")
			})
			x := &Tenancy{Tenants: []Tenant{{Name: "a", Namespaces: []string{"web"}}, {Name: "b", Namespaces: []string{"db"}}}}
			Observe(t.Context(), client, x, Observing{Ports: DefaultPorts})
			assert.Equal(t, c.want, x.DualStack)
			if !c.note {
				assert.Empty(t, x.Notes)
				return
			}
			require.Len(t, x.Notes, 1, "said once")
			assert.Contains(t, x.Notes[0], "no rights")
		})
	}
}
