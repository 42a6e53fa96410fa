package walls

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/partywall/partywall/lab/outside"
)

// everywhereBut lets pods out to all addresses but the excepted ones, and to the
// cluster DNS, which a block of addresses does not cover.
func everywhereBut(except ...string) networkingv1.NetworkPolicySpec {
	return egress(nil, to(block("0.0.0.0/0", except...)), clusterDNS())
}

func clusterDNS() networkingv1.NetworkPolicyEgressRule {
	rule := to(peer{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: metav1.NamespaceSystem}},
		PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"k8s-app": "kube-dns"}},
	})
	rule.Ports = []port{ports(corev1.ProtocolUDP, 53, 53), ports(corev1.ProtocolTCP, 53, 53)}
	return rule
}

// outsideCases prove each host of the outside twice over: it is reached without
// a policy, and an exception closes it and nothing else.
var outsideCases = []wall{
	{
		name:   "egress everywhere but to a host, on usual and unusual ports",
		policy: everywhereBut(outside.Web + "/32"),
		closed: []attempt{
			tcpAt("a1", "outside", 80), tcpAt("a2", "outside", 80), tcpAt("a1", "outside-by-name", 80), tcpAt("a2", "outside-by-name", 80),
			{"a1", "outside", "tls", 443}, {"a1", "outside", "line", 4444}, udpAt("a1", "outside", 4444),
			{"a2", "outside", "line", 7}, udpAt("a2", "outside", 7),
		},
		open: []attempt{tcpAt("a1", "outside-other", 80), {"a2", "outside-other", "tls", 443}, tcpAt("a1", "files-by-name", 80)},
	},
	{
		name:   "egress everywhere but to another network",
		policy: everywhereBut("198.51.100.0/24"),
		closed: []attempt{tcpAt("a1", "files", 80), {"a2", "files", "tls", 443}, tcpAt("a1", "files-by-name", 80), {"a2", "files-by-name", "tls", 443}},
		open:   []attempt{tcpAt("a1", "outside", 80), {"a2", "outside-by-name", "tls", 443}},
	},
	{
		name:   "egress everywhere but to the outside resolver",
		policy: everywhereBut(outside.Resolver + "/32"),
		closed: []attempt{
			{"a1", "resolver", "dns-udp", 53}, {"a1", "resolver", "dns-tcp", 53}, {"a1", "resolver", "tls", 443},
			{"a2", "resolver", "dns-udp", 53}, {"a2", "resolver", "dns-tcp", 53},
		},
		open: []attempt{tcpAt("a1", "outside", 80), tcpAt("a2", "outside-by-name", 80)},
	},
	{
		name:   "egress everywhere but to the metadata service",
		policy: everywhereBut(outside.Metadata + "/32"),
		closed: []attempt{tcpAt("a1", "metadata", 80), tcpAt("a2", "metadata", 80), tcpAt("a1", "metadata-by-name", 80)},
		open:   []attempt{tcpAt("a1", "outside", 80), {"a2", "resolver", "dns-udp", 53}},
	},
}

func TestOutside(t *testing.T) {
	s := newStage(t)
	for _, w := range outsideCases {
		t.Run(w.name, func(t *testing.T) { s.prove(t, w) })
	}
}
