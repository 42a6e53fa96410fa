package runner

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/partywall/partywall/suites"
)

// nodes is what a run knows of the cluster's nodes. It knows nothing where the
// runner may not list them; then addresses that a node rewrote cannot be told
// from strangers', which errs to the safe side.
type nodes struct {
	preferred []string // up to two that take pods, by name
	known     bool
	workers   int // that are no control plane, whether they take probes or not
	addresses map[netip.Addr]string
	internal  map[string]netip.Addr   // a node's own address within the cluster, IPv4 for choice
	ranges    map[netip.Prefix]string // pod ranges
}

func (c *Cluster) findNodes(ctx context.Context) (*nodes, string, error) {
	n := &nodes{addresses: map[netip.Addr]string{}, internal: map[string]netip.Addr{}, ranges: map[netip.Prefix]string{}}
	ok, err := c.may(ctx, authorizationv1.ResourceAttributes{Verb: "list", Resource: "nodes"})
	if err != nil {
		return nil, "", err
	}
	if !ok {
		return n, "the runner may not list nodes: the scheduler alone places the probes", nil
	}
	list, err := c.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, "", fmt.Errorf("listing nodes: %w", err)
	}
	n.known = true
	for i := range list.Items {
		n.learn(&list.Items[i])
	}
	slices.Sort(n.preferred)
	n.preferred = n.preferred[:min(2, len(n.preferred))]
	return n, "", nil
}

func (n *nodes) learn(node *corev1.Node) {
	if meantForPods(node) {
		n.workers++
		if takesPods(node) {
			n.preferred = append(n.preferred, node.Name)
		}
	}
	for _, a := range node.Status.Addresses {
		if ip, err := netip.ParseAddr(a.Address); err == nil {
			n.addresses[ip.Unmap()] = node.Name
			if known := n.internal[node.Name]; a.Type == corev1.NodeInternalIP && (!known.IsValid() || !known.Is4()) {
				n.internal[node.Name] = ip.Unmap()
			}
		}
	}
	for _, cidr := range node.Spec.PodCIDRs {
		if prefix, err := netip.ParsePrefix(cidr); err == nil {
			n.ranges[prefix] = node.Name
		}
	}
}

// meantForPods says that the node is no control plane that keeps tenants' pods
// away. Any other taint may be one that tenants tolerate, or one that passes:
// such a node counts, and what cannot be tried there is inconclusive.
func meantForPods(node *corev1.Node) bool {
	return !slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool {
		return keepsOut(t) && slices.Contains(controlPlane, t.Key)
	})
}

// controlPlane are the taints that Kubernetes' own installers put on a control
// plane; the second is the name that the first had before Kubernetes 1.24.
var controlPlane = []string{"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"}

func takesPods(node *corev1.Node) bool {
	if node.Spec.Unschedulable || slices.ContainsFunc(node.Spec.Taints, keepsOut) {
		return false
	}
	return slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

func keepsOut(t corev1.Taint) bool { return t.Effect != corev1.TaintEffectPreferNoSchedule }

// single says that the cluster is known to have one node for pods, where
// attempts across nodes make no sense. A second one that is down or cordoned
// counts: what cannot be tried today is not what there is not.
func (n *nodes) single() bool { return n.known && n.workers < 2 }

// standing finds the node that stands to another as a placement says, and its
// address: the node itself, or the first by name that is not.
func (n *nodes) standing(to string, p suites.Placement) (string, netip.Addr, bool) {
	for _, name := range slices.Sorted(maps.Keys(n.internal)) {
		if (name == to) == (p == suites.SameNode) {
			return name, n.internal[name], true
		}
	}
	return "", netip.Addr{}, false
}

// doubt forgets the pod ranges where a probe's address is not of its node's:
// then the network plugin hands addresses out by a plan of its own, and the
// range that an address lies in says nothing about its node.
func (n *nodes) doubt(places []*place) {
	for _, p := range places {
		for _, q := range p.pods {
			if q != nil && slices.ContainsFunc(q.ips, func(ip netip.Addr) bool { return n.inRange(ip) != q.node }) {
				n.ranges = nil
				return
			}
		}
	}
}

// of names the node that an address belongs to, by its own addresses or its
// range of pod addresses.
func (n *nodes) of(ip netip.Addr) string {
	if name, ok := n.addresses[ip]; ok {
		return name
	}
	return n.inRange(ip)
}

func (n *nodes) inRange(ip netip.Addr) string {
	for prefix, name := range n.ranges {
		if prefix.Contains(ip) {
			return name
		}
	}
	return ""
}

// prefer makes a pod like one of the nodes that all tenants' probes share.
func (n *nodes) prefer(slot int) *corev1.Affinity {
	if len(n.preferred) == 0 {
		return nil
	}
	name := n.preferred[nodeOfSlot[slot]%len(n.preferred)]
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{
			Weight: 100,
			Preference: corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{{
				Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{name},
			}}},
		}},
	}}
}

func addressOf(hostport string) (netip.Addr, int) {
	ap, err := netip.ParseAddrPort(strings.TrimSpace(hostport))
	if err != nil {
		return netip.Addr{}, 0
	}
	return ap.Addr().Unmap().WithZone(""), int(ap.Port())
}
