package policies

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/partywall/partywall/tenancy"
)

// answer is whether something matches; unknown where that takes what could not
// be read.
type answer int

const (
	no answer = iota
	unknown
	yes
)

func answerOf(b bool) answer {
	if b {
		return yes
	}
	return no
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

// holds says that a policy is about a direction.
func holds(p *networkingv1.NetworkPolicy, direction networkingv1.PolicyType) bool {
	return slices.Contains(p.Spec.PolicyTypes, direction)
}

func selects(s *metav1.LabelSelector, set labels.Set) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && selector.Matches(set)
}

// peerOf is the first peer of a rule that the pod is. A rule without peers is
// about everybody, and the peer is nil then.
func (s *Set) peerOf(r rule, own string, pod Pod) (*networkingv1.NetworkPolicyPeer, answer) {
	if len(r.peers) == 0 {
		return nil, yes
	}
	best, found := no, (*networkingv1.NetworkPolicyPeer)(nil)
	for i := range r.peers {
		if a := s.isPeer(&r.peers[i], own, pod); a > best {
			best, found = a, &r.peers[i]
		}
	}
	return found, best
}

func (s *Set) isPeer(p *networkingv1.NetworkPolicyPeer, own string, pod Pod) answer {
	switch {
	case p.IPBlock != nil:
		return inBlock(p.IPBlock, pod.IPs)
	case pod.Namespace == "":
		return no
	case p.PodSelector != nil && !selects(p.PodSelector, pod.Labels):
		return no
	case p.NamespaceSelector == nil:
		return answerOf(pod.Namespace == own)
	}
	space, listed := s.spaces[pod.Namespace]
	if !listed && !everything(p.NamespaceSelector) {
		return unknown
	}
	return answerOf(selects(p.NamespaceSelector, space))
}

func everything(s *metav1.LabelSelector) bool {
	return len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0
}

// inBlock says whether one of the addresses is in a block. Of addresses that are
// not known, a block of all addresses is the only one that has them for certain.
func inBlock(b *networkingv1.IPBlock, ips []netip.Addr) answer {
	if len(ips) == 0 {
		if prefix, err := netip.ParsePrefix(b.CIDR); err == nil && prefix.Bits() == 0 && len(b.Except) == 0 {
			return yes
		}
		return unknown
	}
	return answerOf(slices.ContainsFunc(ips, func(ip netip.Addr) bool {
		in := func(cidr string) bool {
			prefix, err := netip.ParsePrefix(cidr)
			return err == nil && prefix.Contains(ip)
		}
		return in(b.CIDR) && !slices.ContainsFunc(b.Except, in)
	}))
}

// portOf is the first port of a rule that something goes to, on the target. A
// rule without ports is about all of them, and the port is nil then.
func portOf(r rule, target Pod, p tenancy.Port) (*networkingv1.NetworkPolicyPort, bool) {
	if len(r.ports) == 0 {
		return nil, true
	}
	i := slices.IndexFunc(r.ports, func(q networkingv1.NetworkPolicyPort) bool { return isPort(q, target, p) })
	if i < 0 {
		return nil, false
	}
	return &r.ports[i], true
}

func isPort(r networkingv1.NetworkPolicyPort, target Pod, p tenancy.Port) bool {
	number := int32(p.Number)
	switch {
	case protocolOf(r) != p.Protocol:
		return false
	case r.Port == nil:
		return true
	case r.Port.Type == intstr.String:
		return slices.ContainsFunc(target.Ports, func(c corev1.ContainerPort) bool {
			return c.Name == r.Port.StrVal && c.ContainerPort == number && word(c.Protocol) == p.Protocol
		})
	case r.EndPort != nil:
		return r.Port.IntVal <= number && number <= *r.EndPort
	}
	return r.Port.IntVal == number
}
