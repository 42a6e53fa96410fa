package walls

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

type (
	peer = networkingv1.NetworkPolicyPeer
	port = networkingv1.NetworkPolicyPort
)

// ingress is a policy on the pods with these labels (all, where there are none)
// in namespace a that allows only what the rules say.
func ingress(labels map[string]string, rules ...networkingv1.NetworkPolicyIngressRule) networkingv1.NetworkPolicySpec {
	return networkingv1.NetworkPolicySpec{
		PodSelector: metav1.LabelSelector{MatchLabels: labels},
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		Ingress:     rules,
	}
}

func egress(labels map[string]string, rules ...networkingv1.NetworkPolicyEgressRule) networkingv1.NetworkPolicySpec {
	return networkingv1.NetworkPolicySpec{
		PodSelector: metav1.LabelSelector{MatchLabels: labels},
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress},
		Egress:      rules,
	}
}

func from(peers ...peer) networkingv1.NetworkPolicyIngressRule {
	return networkingv1.NetworkPolicyIngressRule{From: peers}
}

func to(peers ...peer) networkingv1.NetworkPolicyEgressRule {
	return networkingv1.NetworkPolicyEgressRule{To: peers}
}

func pods(name string) peer {
	return peer{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"actor": name}}}
}

func namespaces(short string) peer {
	return peer{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"walls": short}}}
}

func podsIn(short, name string) peer {
	p := namespaces(short)
	p.PodSelector = pods(name).PodSelector
	return p
}

func block(cidr string, except ...string) peer {
	return peer{IPBlock: &networkingv1.IPBlock{CIDR: cidr, Except: except}}
}

func ports(protocol corev1.Protocol, first, last int32) port {
	number := intstr.FromInt32(first)
	p := port{Protocol: &protocol, Port: &number}
	if last != first {
		p.EndPort = &last
	}
	return p
}
