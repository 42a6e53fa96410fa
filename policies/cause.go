package policies

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/partywall/partywall/tenancy"
)

// mostNamed is how many policies a sentence names.
const mostNamed = 3

// LetsIn says why nothing of the target's NetworkPolicies kept something from
// it, in a sentence; empty where that cannot be told from what was read.
func (s *Set) LetsIn(from, to Pod, port tenancy.Port) string {
	return s.lets(networkingv1.PolicyTypeIngress, to, from, to, port)
}

// LetsOut says why nothing of the source's NetworkPolicies kept something from
// leaving it, as LetsIn does.
func (s *Set) LetsOut(from, to Pod, port tenancy.Port) string {
	return s.lets(networkingv1.PolicyTypeEgress, from, to, to, port)
}

// lets goes by the rules of the API: a pod that no policy selects is open, and
// of those that select it one that lets something pass is enough.
func (s *Set) lets(direction networkingv1.PolicyType, pod, peer, target Pod, port tenancy.Port) string {
	all, read := s.policies[pod.Namespace]
	if !read {
		return ""
	}
	var about, selecting []*networkingv1.NetworkPolicy
	for i := range all {
		if p := &all[i]; holds(p, direction) {
			about = append(about, p)
			if selects(&p.Spec.PodSelector, pod.Labels) {
				selecting = append(selecting, p)
			}
		}
	}
	if len(selecting) == 0 {
		return open(direction, pod.Namespace, len(all), about)
	}
	certain := true
	for _, p := range selecting {
		for i, r := range rulesOf(p, direction) {
			q, ok := portOf(r, target, port)
			if !ok {
				continue
			}
			switch peer, is := s.peerOf(r, p.Namespace, peer); is {
			case yes:
				return fmt.Sprintf("%s rule %d of NetworkPolicy %s/%s lets it %s: it is for %s on %s",
					strings.ToLower(string(direction)), i+1, p.Namespace, p.Name, way(direction), peerWords(peer, p.Namespace, direction), portWords(q))
			case unknown:
				certain = false
			}
		}
	}
	if !certain {
		return ""
	}
	return fmt.Sprintf("by their words, %s of namespace %s let nothing of this %s: either the network does not enforce them here, or a policy of another kind goes before them",
		policyList(selecting, false), pod.Namespace, way(direction))
}

// open says why a pod is selected by no policy.
func open(direction networkingv1.PolicyType, namespace string, all int, about []*networkingv1.NetworkPolicy) string {
	switch {
	case all == 0:
		return fmt.Sprintf("namespace %s has no NetworkPolicy, so that its pods are open to whatever goes %s", namespace, way(direction))
	case len(about) == 0:
		return fmt.Sprintf("none of the %d NetworkPolicies of namespace %s is about what goes %s", all, namespace, way(direction))
	}
	return fmt.Sprintf("no NetworkPolicy of namespace %s about what goes %s selects the pod: there are %s", namespace, way(direction), policyList(about, true))
}

func way(direction networkingv1.PolicyType) string {
	if direction == networkingv1.PolicyTypeEgress {
		return "out"
	}
	return "in"
}

// policyList names policies, and what they select where that is asked for.
func policyList(policies []*networkingv1.NetworkPolicy, selectors bool) string {
	var words []string
	for _, p := range policies[:min(len(policies), mostNamed)] {
		text := "NetworkPolicy " + p.Name
		if selectors {
			text += " (" + selectorWords(&p.Spec.PodSelector) + ")"
		}
		words = append(words, text)
	}
	slices.Sort(words)
	if more := len(policies) - len(words); more > 0 {
		words = append(words, fmt.Sprintf("%d more", more))
	}
	return strings.Join(words, ", ")
}

func selectorWords(s *metav1.LabelSelector) string {
	if everything(s) {
		return "all"
	}
	return metav1.FormatLabelSelector(s)
}

// peerWords says whom a rule is for; nil is everybody.
func peerWords(p *networkingv1.NetworkPolicyPeer, own string, direction networkingv1.PolicyType) string {
	if p == nil {
		if direction == networkingv1.PolicyTypeEgress {
			return "every destination"
		}
		return "everybody"
	}
	if p.IPBlock != nil {
		text := "the addresses " + p.IPBlock.CIDR
		if len(p.IPBlock.Except) > 0 {
			text += " except " + strings.Join(p.IPBlock.Except, ", ")
		}
		return text
	}
	pods := "all pods"
	if p.PodSelector != nil && !everything(p.PodSelector) {
		pods = "pods with " + selectorWords(p.PodSelector)
	}
	switch {
	case p.NamespaceSelector == nil:
		return pods + " of namespace " + own
	case everything(p.NamespaceSelector):
		return pods + " of all namespaces"
	}
	return pods + " of namespaces with " + selectorWords(p.NamespaceSelector)
}

// portWords says what a rule is about; nil is everything.
func portWords(p *networkingv1.NetworkPolicyPort) string {
	switch {
	case p == nil:
		return "every port"
	case p.Port == nil:
		return "every port of " + protocolOf(*p)
	case p.EndPort != nil:
		return fmt.Sprintf("%s/%s-%d", protocolOf(*p), p.Port, *p.EndPort)
	}
	return fmt.Sprintf("%s/%s", protocolOf(*p), p.Port)
}

func protocolOf(p networkingv1.NetworkPolicyPort) string {
	if p.Protocol == nil {
		return word(corev1.ProtocolTCP)
	}
	return word(*p.Protocol)
}

func word(p corev1.Protocol) string { return strings.ToLower(string(cmp.Or(p, corev1.ProtocolTCP))) }
