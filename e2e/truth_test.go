package e2e

import (
	"context"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// facts are what the API server knows of a world. What passes between its pods
// follows from them by the words of the NetworkPolicy API alone: nothing here
// knows how the policies came to be, nor what a run saw. Of ipBlock the API
// leaves open whether it matches pods, and Cilium's does not: worlds have no
// block that has a pod's address in it.
type facts struct {
	spaces   map[string]labels.Set
	policies map[string][]networkingv1.NetworkPolicy
	pods     map[string]*corev1.Pod // by namespace/name
}

// port is where a connection goes to.
type port struct {
	protocol corev1.Protocol
	number   int32
}

// factsOf takes down the world and the resolvers, and the pods that they have now.
func (w *world) factsOf(ctx context.Context) *facts {
	f := &facts{spaces: map[string]labels.Set{}, policies: map[string][]networkingv1.NetworkPolicy{}, pods: map[string]*corev1.Pod{}}
	names := []string{metav1.NamespaceSystem}
	for _, spaces := range w.spaces {
		names = append(names, spaces...)
	}
	for _, name := range names {
		space, err := lab.admin.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		require.NoError(w.t, err)
		f.spaces[name] = space.Labels
		policies, err := lab.admin.NetworkingV1().NetworkPolicies(name).List(ctx, metav1.ListOptions{})
		require.NoError(w.t, err)
		f.policies[name] = policies.Items
		pods, err := lab.admin.CoreV1().Pods(name).List(ctx, metav1.ListOptions{})
		require.NoError(w.t, err)
		for i := range pods.Items {
			f.pods[name+"/"+pods.Items[i].Name] = &pods.Items[i]
		}
	}
	return f
}

// passes says whether a connection gets through: the source's pod has to let
// it out, and the target's has to let it in.
func (f *facts) passes(from, to *corev1.Pod, p port) bool {
	return f.lets(networkingv1.PolicyTypeEgress, from, to, to, p) && f.lets(networkingv1.PolicyTypeIngress, to, from, to, p)
}

// rule is one of either direction.
type rule struct {
	peers []networkingv1.NetworkPolicyPeer
	ports []networkingv1.NetworkPolicyPort
}

func rulesOf(p *networkingv1.NetworkPolicy, direction networkingv1.PolicyType) []rule {
	var rules []rule
	if direction == networkingv1.PolicyTypeEgress {
		for _, r := range p.Spec.Egress {
			rules = append(rules, rule{r.To, r.Ports})
		}
		return rules
	}
	for _, r := range p.Spec.Ingress {
		rules = append(rules, rule{r.From, r.Ports})
	}
	return rules
}

// lets says whether the policies of a pod let something pass in a direction: a
// pod that none of them selects is open, and of those that do one is enough.
func (f *facts) lets(direction networkingv1.PolicyType, pod, peer, target *corev1.Pod, p port) bool {
	closed := false
	for i := range f.policies[pod.Namespace] {
		policy := &f.policies[pod.Namespace][i]
		if !slices.Contains(policy.Spec.PolicyTypes, direction) || !selects(&policy.Spec.PodSelector, pod.Labels) {
			continue
		}
		closed = true
		for _, r := range rulesOf(policy, direction) {
			if f.isPeer(r.peers, policy.Namespace, peer) && isPort(r.ports, target, p) {
				return true
			}
		}
	}
	return !closed
}

func selects(s *metav1.LabelSelector, set labels.Set) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && selector.Matches(set)
}

// isPeer says whether a pod is one of a rule's peers. No peers are everybody.
func (f *facts) isPeer(peers []networkingv1.NetworkPolicyPeer, own string, pod *corev1.Pod) bool {
	return len(peers) == 0 || slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool {
		if p.IPBlock != nil {
			return covers(p.IPBlock, pod.Status.PodIP)
		}
		if p.NamespaceSelector == nil && pod.Namespace != own {
			return false
		}
		return (p.NamespaceSelector == nil || selects(p.NamespaceSelector, f.spaces[pod.Namespace])) &&
			(p.PodSelector == nil || selects(p.PodSelector, pod.Labels))
	})
}

func covers(b *networkingv1.IPBlock, address string) bool {
	in := func(cidr string) bool { return netip.MustParsePrefix(cidr).Contains(netip.MustParseAddr(address)) }
	return in(b.CIDR) && !slices.ContainsFunc(b.Except, in)
}

// isPort says whether a port is one of a rule's. No ports are all of them; a
// name is what the target's own containers call so.
func isPort(ports []networkingv1.NetworkPolicyPort, target *corev1.Pod, p port) bool {
	return len(ports) == 0 || slices.ContainsFunc(ports, func(r networkingv1.NetworkPolicyPort) bool {
		protocol := tcp
		if r.Protocol != nil {
			protocol = *r.Protocol
		}
		switch {
		case protocol != p.protocol:
			return false
		case r.Port == nil:
			return true
		case r.Port.Type == intstr.String:
			return called(target, r.Port.StrVal, p)
		case r.EndPort != nil:
			return r.Port.IntVal <= p.number && p.number <= *r.EndPort
		}
		return r.Port.IntVal == p.number
	})
}

func called(target *corev1.Pod, name string, p port) bool {
	for _, c := range target.Spec.Containers {
		for _, q := range c.Ports {
			protocol := tcp
			if q.Protocol != "" {
				protocol = q.Protocol
			}
			if q.Name == name && protocol == p.protocol && q.ContainerPort == p.number {
				return true
			}
		}
	}
	return false
}

// The truth that worlds are held against is held against what the API says.
func TestTruthByTheWordsOfTheAPI(t *testing.T) {
	pod := func(ns, app, ip string) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Labels: map[string]string{"app": app}}, Status: corev1.PodStatus{PodIP: ip},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Ports: []corev1.ContainerPort{{Name: "pg", ContainerPort: 5432}, {Name: "pg-udp", ContainerPort: 5433, Protocol: udp}}}}},
		}
	}
	db, web, other := pod("a", "db", "10.0.0.1"), pod("a", "web", "10.0.0.2"), pod("b", "web", "10.0.1.1")
	labelled := func(key, value string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
	}
	in := func(rules ...networkingv1.NetworkPolicyIngressRule) networkingv1.NetworkPolicySpec {
		return networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}, Ingress: rules}
	}
	from := func(peers ...networkingv1.NetworkPolicyPeer) networkingv1.NetworkPolicyIngressRule {
		return networkingv1.NetworkPolicyIngressRule{From: peers}
	}
	on := func(protocol *corev1.Protocol, number intstr.IntOrString, end *int32) networkingv1.NetworkPolicyIngressRule {
		return networkingv1.NetworkPolicyIngressRule{Ports: []networkingv1.NetworkPolicyPort{{Protocol: protocol, Port: &number, EndPort: end}}}
	}
	onlyWeb := in()
	onlyWeb.PodSelector = *labelled("app", "web")
	shut := networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}}
	end := int32(5440)
	type policies map[string][]networkingv1.NetworkPolicySpec
	for name, tc := range map[string]struct {
		policies policies
		from     *corev1.Pod
		port     port
		want     bool
	}{
		"no policy":                    {nil, other, port{tcp, 1}, true},
		"no rule":                      {policies{"a": {in()}}, web, port{tcp, 1}, false},
		"an empty rule":                {policies{"a": {in(networkingv1.NetworkPolicyIngressRule{})}}, other, port{udp, 1}, true},
		"no rule for other pods":       {policies{"a": {onlyWeb}}, other, port{tcp, 1}, true},
		"a union":                      {policies{"a": {in(), in(from(networkingv1.NetworkPolicyPeer{NamespaceSelector: labelled("name", "b")}))}}, other, port{tcp, 1}, true},
		"the own namespace's pods":     {policies{"a": {in(from(networkingv1.NetworkPolicyPeer{PodSelector: labelled("app", "web")}))}}, web, port{tcp, 1}, true},
		"another namespace's pods":     {policies{"a": {in(from(networkingv1.NetworkPolicyPeer{PodSelector: labelled("app", "web")}))}}, other, port{tcp, 1}, false},
		"both selectors":               {policies{"a": {in(from(networkingv1.NetworkPolicyPeer{NamespaceSelector: everyNamespace, PodSelector: labelled("app", "db")}))}}, other, port{tcp, 1}, false},
		"a block":                      {policies{"a": {in(from(networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: "10.0.0.0/8"}}))}}, other, port{tcp, 1}, true},
		"a block's exception":          {policies{"a": {in(from(networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: "10.0.0.0/8", Except: []string{"10.0.1.0/24"}}}))}}, other, port{tcp, 1}, false},
		"a number":                     {policies{"a": {in(on(nil, intstr.FromInt32(5432), nil))}}, other, port{tcp, 5432}, true},
		"a number of another protocol": {policies{"a": {in(on(nil, intstr.FromInt32(5432), nil))}}, other, port{udp, 5432}, false},
		"the end of a range":           {policies{"a": {in(on(&tcp, intstr.FromInt32(5432), &end))}}, other, port{tcp, 5440}, true},
		"beyond a range":               {policies{"a": {in(on(&tcp, intstr.FromInt32(5432), &end))}}, other, port{tcp, 5441}, false},
		"a name":                       {policies{"a": {in(on(nil, intstr.FromString("pg"), nil))}}, other, port{tcp, 5432}, true},
		"a name of another protocol":   {policies{"a": {in(on(nil, intstr.FromString("pg-udp"), nil))}}, other, port{tcp, 5433}, false},
		"closed at the source":         {policies{"b": {shut}}, other, port{tcp, 1}, false},
		"open at the source alone":     {policies{"a": {in()}, "b": {{PolicyTypes: shut.PolicyTypes, Egress: []networkingv1.NetworkPolicyEgressRule{{}}}}}, other, port{tcp, 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := &facts{spaces: map[string]labels.Set{"a": {"name": "a"}, "b": {"name": "b"}}, policies: map[string][]networkingv1.NetworkPolicy{}}
			for ns, specs := range tc.policies {
				for _, spec := range specs {
					f.policies[ns] = append(f.policies[ns], networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: ns}, Spec: spec})
				}
			}
			assert.Equal(t, tc.want, f.passes(tc.from, db, tc.port))
		})
	}
}
