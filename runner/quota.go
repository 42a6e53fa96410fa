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
// tenant at least one pod. A shadow comes after the namespace's own probes and
// the shadows before it.
func (r *run) checkQuota(ctx context.Context, p *place) {
	quotas, err := r.cluster.Client.CoreV1().ResourceQuotas(p.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		p.fail("listing the resource quotas of namespace %s: %v", p.namespace, err)
		return
	}
	needs := podNeeds(r.job(p, slotTarget0).Spec.Template.Spec.Containers[0].Resources, int64(1+p.number))
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
