package runner

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// checkQuota looks before it takes: the probes of a place must leave its
// tenant at least one pod. A shadow, or a probe with a proxy, comes after the
// namespace's own probes and the places before it. What a proxy takes is for the
// mesh to say; where it is too much, the API server's refusal names it.
func (r *run) checkQuota(ctx context.Context, p *place) {
	quotas, err := r.cluster.Client.CoreV1().ResourceQuotas(p.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		p.fail("listing the resource quotas of namespace %s: %v", p.namespace, err)
		return
	}
	needs := podNeeds(r.job(p, slotTarget0).Spec.Template.Spec.Containers[0].Resources, r.placesUpTo(p))
	for _, q := range quotas.Items {
		if len(q.Spec.Scopes) > 0 || q.Spec.ScopeSelector != nil {
			continue // speaks of some pods only; where it means ours, the API server will say so
		}
		if why := short(q, needs); why != "" {
			p.fail("resource quota %s/%s has no room for the probes%s: %s", p.namespace, q.Name, p.as(), why)
			return
		}
	}
}

// placesUpTo counts those of the same namespace, up to this one.
func (r *run) placesUpTo(p *place) int64 {
	n := int64(0)
	for _, other := range r.places {
		if other.namespace == p.namespace {
			n++
		}
		if other == p {
			break
		}
	}
	return n
}

// podNeeds is what the probes of so many places take of a quota, one pod for
// the tenant included.
func podNeeds(one corev1.ResourceRequirements, places int64) map[corev1.ResourceName]resource.Quantity {
	times := func(q resource.Quantity) resource.Quantity {
		q = q.DeepCopy()
		q.Mul(slots * places)
		return q
	}
	cpu, memory := times(*one.Requests.Cpu()), times(*one.Requests.Memory())
	return map[corev1.ResourceName]resource.Quantity{
		corev1.ResourceServices:       *resource.NewQuantity((targets+1)*places, resource.DecimalSI),
		"count/services":              *resource.NewQuantity((targets+1)*places, resource.DecimalSI),
		corev1.ResourcePods:           *resource.NewQuantity(slots*places+1, resource.DecimalSI),
		"count/pods":                  *resource.NewQuantity(slots*places+1, resource.DecimalSI),
		"count/jobs.batch":            *resource.NewQuantity(slots*places, resource.DecimalSI),
		corev1.ResourceCPU:            cpu,
		corev1.ResourceRequestsCPU:    cpu,
		corev1.ResourceMemory:         memory,
		corev1.ResourceRequestsMemory: memory,
		corev1.ResourceLimitsMemory:   times(*one.Limits.Memory()),
	}
}

func short(q corev1.ResourceQuota, needs map[corev1.ResourceName]resource.Quantity) string {
	for _, name := range slices.Sorted(maps.Keys(q.Status.Hard)) {
		hard := q.Status.Hard[name]
		need, ok := needs[name]
		if !ok {
			continue
		}
		used := q.Status.Used[name]
		left := hard.DeepCopy()
		left.Sub(used)
		if left.Cmp(need) < 0 {
			return fmt.Sprintf("%s: %s of %s used, and the probes need %s with what is left to the tenant",
				name, used.String(), hard.String(), need.String())
		}
	}
	return ""
}
