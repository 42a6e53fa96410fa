package workloads

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

var probe = labels.Set{"app": "probe", "managed": "yes"}

func pod(name string, l labels.Set, adjust ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "acme", Labels: l}}
	for _, f := range adjust {
		f(p)
	}
	return p
}

func owned(kind, name string) func(*corev1.Pod) {
	yes := true
	return func(p *corev1.Pod) {
		p.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: name, Controller: &yes}}
	}
}

func onHost(p *corev1.Pod) { p.Spec.HostNetwork = true }
func failed(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }

func policy(name string, who metav1.LabelSelector) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "acme"},
		Spec:       networkingv1.NetworkPolicySpec{PodSelector: who},
	}
}

func with(key, value string) metav1.LabelSelector {
	return metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
}

func lacking(key string) metav1.LabelSelector {
	return metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: metav1.LabelSelectorOpDoesNotExist}}}
}

func TestFind(t *testing.T) {
	tests := []struct {
		name    string
		objects []runtime.Object
		want    []Untested
	}{
		{"no policy", []runtime.Object{pod("a", labels.Set{"app": "a"})}, nil},
		{"a policy for all", []runtime.Object{policy("all", metav1.LabelSelector{}), pod("a", labels.Set{"app": "a"})}, nil},
		{"only the workload", []runtime.Object{policy("p", with("app", "a")), pod("a", labels.Set{"app": "a"})},
			[]Untested{{"acme", "Pod/a", 1, []string{"p"}, nil, false}}},
		{"only the probe", []runtime.Object{policy("p", with("managed", "yes")), pod("a", nil)},
			[]Untested{{"acme", "Pod/a", 1, nil, []string{"p"}, false}}},
		{"the probe by what it lacks", []runtime.Object{policy("p", lacking("tier")), pod("a", labels.Set{"tier": "db"})},
			[]Untested{{"acme", "Pod/a", 1, nil, []string{"p"}, false}}},
		{"both ways", []runtime.Object{policy("z", with("app", "a")), policy("b", with("app", "a")), policy("p", with("app", "probe")), pod("a", labels.Set{"app": "a"})},
			[]Untested{{"acme", "Pod/a", 1, []string{"b", "z"}, []string{"p"}, false}}},
		{"a probe", []runtime.Object{policy("p", with("app", "probe")), pod("partywall-1", labels.Set{"app": "probe", "managed": "yes"})}, nil},
		{"ended", []runtime.Object{policy("p", with("app", "a")), pod("a", labels.Set{"app": "a"}, failed)}, nil},
		{"in the node's network, without a policy", []runtime.Object{pod("a", nil, onHost)},
			[]Untested{{"acme", "Pod/a", 1, nil, nil, true}}},
		{"a Deployment's pods", []runtime.Object{policy("p", with("app", "a")),
			pod("a-1", labels.Set{"app": "a", "pod-template-hash": "1"}, owned("ReplicaSet", "a-1")),
			pod("a-2", labels.Set{"app": "a", "pod-template-hash": "2"}, owned("ReplicaSet", "a-2"))},
			[]Untested{{"acme", "Deployment/a", 2, []string{"p"}, nil, false}}},
		{"pods of one workload that are treated unlike each other", []runtime.Object{policy("p", with("role", "leader")), policy("q", with("managed", "yes")),
			pod("db-0", labels.Set{"role": "leader"}, owned("StatefulSet", "db")),
			pod("db-1", nil, owned("StatefulSet", "db"))},
			[]Untested{{"acme", "StatefulSet/db", 1, nil, []string{"q"}, false}, {"acme", "StatefulSet/db", 1, []string{"p"}, []string{"q"}, false}}},
		{"a ReplicaSet of nobody's", []runtime.Object{policy("p", with("app", "a")),
			pod("a-1", labels.Set{"app": "a"}, owned("ReplicaSet", "a-1"))},
			[]Untested{{"acme", "ReplicaSet/a-1", 1, []string{"p"}, nil, false}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Find(t.Context(), fake.NewClientset(tt.objects...), "acme", probe)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestFindSaysWhatItCouldNotSee(t *testing.T) {
	for resource, want := range map[string]string{
		"networkpolicies": "listing the network policies of namespace acme: no",
		"pods":            "listing the pods of namespace acme: no",
	} {
		client := fake.NewClientset()
		client.PrependReactor("list", resource, func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, errors.New("no")
		})
		_, err := Find(t.Context(), client, "acme", probe)
		assert.EqualError(t, err, want)
	}
}

func TestAPolicyThatCannotBeReadIsAnError(t *testing.T) {
	bad := policy("p", metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}})
	_, err := Find(t.Context(), fake.NewClientset(bad), "acme", probe)
	assert.ErrorContains(t, err, "reading the podSelector of network policy acme/p: ")
}
