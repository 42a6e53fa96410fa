package runner

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/partywall/partywall/tenancy"
)

// ambient is the annotation of a pod in whose network Istio's ztunnel listens.
const ambient = "ambient.istio.io/redirection"

// castProxies says of which places the mesh need not put its proxy into a pod:
// those of namespaces whose own pods have none.
func castProxies(places []*place, t *tenancy.Tenancy) {
	for _, p := range places {
		p.optional = p.proxied && !slices.ContainsFunc(t.Tenants, func(one tenancy.Tenant) bool {
			return one.Name == p.tenant && slices.Contains(one.Meshed, p.namespace)
		})
	}
}

// compare holds the admitted pod against the submitted one. A proxy makes its
// attempts `sidecar`; a changed probe makes the place useless as evidence;
// anything else that was added is named.
func (r *run) compare(q *pod, got *corev1.Pod) {
	want := r.job(q.place, q.slot).Spec.Template.Spec
	if !slices.ContainsFunc(got.Spec.Containers, func(c corev1.Container) bool { return c.Name == container }) {
		q.place.fail("admission took the container %s out of pod %s/%s", container, got.Namespace, got.Name)
	}
	all := append(slices.Clone(got.Spec.InitContainers), got.Spec.Containers...)
	q.alone = len(all) == 1 && got.Annotations[ambient] == ""
	for _, c := range all {
		switch {
		case tenancy.IsProxy(c):
			q.sidecar = true
		case c.Name == container:
			if c.Image != want.Containers[0].Image || !slices.Equal(c.Args, want.Containers[0].Args) || len(c.Command) > 0 {
				q.place.fail("admission changed the probe of pod %s/%s: it runs %s %v instead of %s %v",
					got.Namespace, got.Name, c.Image, slices.Concat(c.Command, c.Args), want.Containers[0].Image, want.Containers[0].Args)
			}
		default:
			r.note(fmt.Sprintf("admission added container %s to the probe pods of namespace %s", c.Name, got.Namespace))
		}
	}
	if q.place.proxied && !q.sidecar {
		q.place.lack("the mesh put no proxy beside the probe pod %s/%s, which asks for one", got.Namespace, got.Name)
	}
	r.compareShadow(q, got)
	if got.Spec.HostNetwork {
		q.place.fail("admission put pod %s/%s on its node's network", got.Namespace, got.Name)
	}
}
