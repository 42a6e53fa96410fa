package runner

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// policyTimeout bounds one look at all the policies.
const policyTimeout = 30 * time.Second

// policies are the NetworkPolicies of each namespace where they could be
// listed, each by name with the version that it is in.
type policies map[string]map[string]string

// policies takes down the NetworkPolicies of the places.
func (r *run) policies(ctx context.Context) policies {
	ctx, cancel := context.WithTimeout(ctx, policyTimeout)
	defer cancel()
	var mu sync.Mutex
	all := policies{}
	_ = r.eachPlace(ctx, func(ctx context.Context, p *place) error {
		list, err := r.cluster.Client.NetworkingV1().NetworkPolicies(p.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			if p.problem == "" {
				r.note(fmt.Sprintf("the network policies of namespace %s could not be listed, so that changes to them went unseen: %v", p.namespace, err))
			}
			return nil
		}
		versions := map[string]string{}
		for _, policy := range list.Items {
			versions[policy.Name] = string(policy.UID) + "@" + policy.ResourceVersion
		}
		mu.Lock()
		defer mu.Unlock()
		all[p.namespace] = versions
		return nil
	})
	return all
}

// compareBoth notes the policies that changed between two looks, in the
// namespaces that both saw.
func (r *run) compareBoth(before, after policies) {
	for _, namespace := range slices.Sorted(maps.Keys(before)) {
		if _, ok := after[namespace]; ok {
			r.compareVersions(namespace, before[namespace], after[namespace])
		}
	}
}

func (r *run) compareVersions(namespace string, before, after map[string]string) {
	names := maps.Clone(before)
	maps.Copy(names, after)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		how := ""
		was, there := before[name]
		is, still := after[name]
		switch {
		case !there:
			how = "was created"
		case !still:
			how = "was deleted"
		case was != is:
			how = "changed"
		default:
			continue
		}
		r.note(fmt.Sprintf("network policy %s/%s %s while the run was under way", namespace, name, how))
	}
}
