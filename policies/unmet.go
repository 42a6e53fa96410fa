package policies

import (
	"maps"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Unmet is what a policy lets in by labels that none of some pods has.
type Unmet struct {
	Namespace string // the policy's
	Policy    string
	Labels    string   // the selector, as kubectl takes it
	From      []string // the namespaces whose pods it lets in by these labels
}

// Unmet finds the rules that let in pods of other namespaces by labels which no
// pod of those there has, so that what they open is seen by none of them. Which
// namespaces are others to the policy's own, the caller says. Where the labels of
// namespaces could not be read, nothing is told of rules that go by them.
func (s *Set) Unmet(pods []Pod, others func(own, other string) bool) []Unmet {
	if s == nil {
		return nil
	}
	var all []Unmet
	for _, ns := range slices.Sorted(maps.Keys(s.policies)) {
		for i := range s.policies[ns] {
			p := &s.policies[ns][i]
			if !holds(p, networkingv1.PolicyTypeIngress) {
				continue
			}
			for _, r := range rulesOf(p, networkingv1.PolicyTypeIngress) {
				for _, peer := range r.peers {
					if from := s.unmetBy(&peer, ns, pods, others); len(from) > 0 {
						all = append(all, Unmet{ns, p.Name, metav1.FormatLabelSelector(peer.PodSelector), from})
					}
				}
			}
		}
	}
	return all
}

// unmetBy are the other namespaces of which a peer may be pods that none of
// those there is.
func (s *Set) unmetBy(peer *networkingv1.NetworkPolicyPeer, own string, pods []Pod, others func(own, other string) bool) []string {
	if peer.NamespaceSelector == nil || peer.PodSelector == nil {
		return nil
	}
	met := map[string]bool{}
	for _, pod := range pods {
		if others(own, pod.Namespace) && s.isPeer(&networkingv1.NetworkPolicyPeer{NamespaceSelector: peer.NamespaceSelector}, own, pod) == yes {
			met[pod.Namespace] = met[pod.Namespace] || selects(peer.PodSelector, pod.Labels)
		}
	}
	maps.DeleteFunc(met, func(_ string, met bool) bool { return met })
	return slices.Sorted(maps.Keys(met))
}
