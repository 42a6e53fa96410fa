package runner

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

// nodePortSuffix follows the name of a target's Service in that of the Service
// that opens ports for it on every node.
const nodePortSuffix = "-nodes"

// nodePortService opens ports on every node, to whoever reaches one, which is
// why it is made only where that was asked for, and for those ports alone.
// Traffic is not kept to the target's own node, which is what Kubernetes does
// where nothing is said.
func (r *run) nodePortService(q *pod) *corev1.Service {
	s := r.service(q)
	s.Name += nodePortSuffix
	s.Spec.Type = corev1.ServiceTypeNodePort
	s.Spec.Ports = nil
	for _, port := range q.place.byNode {
		s.Spec.Ports = append(s.Spec.Ports, servicePort(port))
	}
	return s
}

// openNodePorts asks for a target's ports on the nodes. Where they are refused,
// by a quota or by whoever admits Services, that is the end of those attempts
// alone.
func (r *run) openNodePorts(ctx context.Context, q *pod) {
	if len(q.place.byNode) == 0 {
		return
	}
	made, err := r.cluster.Client.CoreV1().Services(q.place.namespace).Create(ctx, r.nodePortService(q), metav1.CreateOptions{})
	if err != nil {
		q.noNodePorts = fmt.Sprintf("the Service that opens ports of the nodes was refused in namespace %s: %v", q.place.namespace, err)
		return
	}
	q.nodePorts = map[tenancy.Port]int{}
	for _, port := range q.place.byNode {
		i := slices.IndexFunc(made.Spec.Ports, func(s corev1.ServicePort) bool { return s.Name == servicePort(port).Name })
		if i >= 0 {
			q.nodePorts[port] = int(made.Spec.Ports[i].NodePort)
		}
	}
}

// bindNodePort finds out whether there is a node by whose port a target can be
// tried.
func (b *binder) bindNodePort(c *cell) {
	_, _, ok := b.nodes.doorTo(c.target, c.attempt.Address)
	switch {
	case c.target.noNodePorts != "":
		c.problem = c.target.noNodePorts
	case c.target.nodePorts[c.attempt.Port] == 0:
		c.problem = fmt.Sprintf("the cluster opened no port of the nodes for %s of probe %s of namespace %s",
			c.attempt.Port, slotNames[c.target.slot], c.target.place.namespace)
	case ok:
	case !b.nodes.known:
		c.attempt.Skip = "the runner may not list nodes, so that it knows no node's address"
	case c.attempt.Address == suites.OtherNodePort && len(b.nodes.internal) < 2:
		c.attempt.Skip = "the cluster has one node: there is no other"
	default:
		c.problem = fmt.Sprintf("node %s has no address", c.target.node)
	}
}

// bindOwnPort binds a way out by a port of a node that leads to a probe of the
// source's own namespace: one that is on that node, and not the source itself.
func (b *binder) bindOwnPort(c *cell, from *place) {
	c.source = from.pods[slotSource]
	c.attempt.Sidecar = c.source.sidecar
	b.addSourceControl(c.source, suites.PodIP)
	for _, q := range from.pods {
		if q.target() && (q.node == c.source.node) == (c.attempt.Placement == suites.SameNode) {
			c.target = q
			b.bindNodePort(c)
			return
		}
	}
	if c.attempt.Placement == suites.CrossNode && b.nodes.single() {
		c.attempt.Skip = "the cluster has one node for pods: there is no other"
		return
	}
	c.problem = fmt.Sprintf("no other probe of namespace %s was placed on %s as its probe %s, which is on %s",
		from.where(), placementWords(c.attempt.Placement), slotNames[slotSource], c.source.node)
}

// doorTo is the node by whose port a target is tried, and its address.
func (n *nodes) doorTo(target *pod, address suites.Address) (node, host string, ok bool) {
	placement := suites.SameNode
	if address == suites.OtherNodePort {
		placement = suites.CrossNode
	}
	node, ip, ok := n.standing(target.node, placement)
	return node, ip.String(), ok
}
