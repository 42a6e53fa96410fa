package walls

import (
	"context"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/partywall/partywall/lab/network"
)

const (
	kubeletPort   = 10250
	readOnlyPort  = 10255
	apiserverPort = 6443
)

// TestNodes shows what pods and outside hosts reach on the nodes' addresses, and
// that policies close it.
func TestNodes(t *testing.T) {
	s := newStage(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	nodePort := s.expose(ctx, t, "b1")
	s.targets["apiserver"] = target{network.Gateway, `{"kind":"Status"`, "/api"}
	for _, node := range s.lab.Nodes() {
		s.targets["nodeport-"+node.Name] = target{address: node.IP, greeting: "b1"}
		s.targets["kubelet-"+node.Name] = target{node.IP, "Unauthorized", "/pods"}
	}
	s.await(ctx, t, "from outside hosts",
		[]attempt{tcpAt("outside", "nodeport-node1", nodePort), tcpAt("files", "nodeport-node2", nodePort)}, nil)
	s.await(ctx, t, "where nobody listens", nil,
		[]attempt{tcpAt("a1", "kubelet-node1", readOnlyPort), tcpAt("a1", "kubelet-node2", readOnlyPort)})
	for _, w := range nodeCases(nodePort) {
		t.Run(w.name, func(t *testing.T) { s.prove(t, w) })
	}
}

// nodeCases have a1 on node1 and a2 on node2: to each, one of the nodes is its
// own and the other is not.
func nodeCases(nodePort int) []wall {
	onNode := func(from, node string) []attempt {
		return []attempt{tcpAt(from, "nodeport-"+node, nodePort), {from, "kubelet-" + node, "tls", kubeletPort}}
	}
	toNode := func(node string) []attempt { return slices.Concat(onNode("a1", node), onNode("a2", node)) }
	api := []attempt{{"a1", "apiserver", "tls", apiserverPort}, {"a2", "apiserver", "tls", apiserverPort}}
	return []wall{
		{
			name:   "egress to the nodes' network, with one node excepted",
			policy: egress(nil, to(block("10.0.0.0/8", "10.66.0.11/32", network.Gateway+"/32"))),
			closed: slices.Concat(toNode("node1"), api),
			open:   toNode("node2"),
		},
		{
			name:   "a block of all addresses covers the API server, but no node",
			policy: egress(nil, to(block("0.0.0.0/0"))),
			closed: slices.Concat(toNode("node1"), toNode("node2")),
			open:   append(api, tcpAt("a1", "outside", 80)),
		},
	}
}

// expose makes a NodePort Service of an actor of namespace b.
func (s *stage) expose(ctx context.Context, t *testing.T, name string) int {
	t.Helper()
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace("b"), Name: name},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeNodePort, Selector: map[string]string{"actor": name},
			Ports: []corev1.ServicePort{{Port: 8080}},
		},
	}
	if err := s.client.Create(ctx, service); err != nil {
		t.Fatalf("creating the Service: %v", err)
	}
	return int(service.Spec.Ports[0].NodePort)
}
