package tenancy

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// families is what pods tell of the address families of a cluster.
type families struct {
	seen bool // a pod with an address
	two  bool // a pod with one of each family
}

// look takes in pods that are on the pods' network.
func (f *families) look(pods []corev1.Pod) {
	for i := range pods {
		var addresses []string
		for _, ip := range pods[i].Status.PodIPs {
			addresses = append(addresses, ip.IP)
		}
		if len(addresses) > 0 && !pods[i].Spec.HostNetwork {
			f.seen = true
			f.two = f.two || ofBoth(addresses)
		}
	}
}

// settle says whether the cluster is dual stack: where any pod is, or else
// where a node has addresses of both families for its pods, which may all be
// older than its second family. That nothing is known is noted only where there
// is no pod either.
func (f *families) settle(ctx context.Context, client kubernetes.Interface, t *Tenancy) {
	if t.DualStack = f.two; f.two {
		return
	}
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		if !f.seen {
			t.Notes = append(t.Notes, fmt.Sprintf("the second addresses of pods, which they have where the cluster is dual stack, are not tried: "+
				"no tenant's pod shows whether it is, and neither do the nodes: %v", err))
		}
		return
	}
	t.DualStack = slices.ContainsFunc(nodes.Items, func(n corev1.Node) bool { return ofBoth(n.Spec.PodCIDRs) })
}

// ofBoth says that some addresses or prefixes are IPv4 and some IPv6.
func ofBoth(all []string) bool {
	var v4, v6 bool
	for _, text := range all {
		ip, err := netip.ParseAddr(text)
		if prefix, wrong := netip.ParsePrefix(text); wrong == nil {
			ip, err = prefix.Addr(), nil
		}
		if err != nil {
			continue
		}
		v4, v6 = v4 || ip.Unmap().Is4(), v6 || ip.Unmap().Is6()
	}
	return v4 && v6
}
