package runner

import (
	"context"
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// policies takes down the NetworkPolicies of the places, each by name with the
// version that it is in.
func (r *run) policies(ctx context.Context) map[string]string {
	var mu sync.Mutex
	versions := map[string]string{}
	_ = r.eachPlace(ctx, func(ctx context.Context, p *place) error {
		list, err := r.cluster.Client.NetworkingV1().NetworkPolicies(p.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			if p.problem == "" {
				r.note(fmt.Sprintf("the network policies of namespace %s could not be listed, so that changes to them went unseen: %v", p.namespace, err))
			}
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		for _, policy := range list.Items {
			versions[p.namespace+"/"+policy.Name] = string(policy.UID) + "@" + policy.ResourceVersion
		}
		return nil
	})
	return versions
}

// compareBoth notes the policies that changed between two looks.
func (r *run) compareBoth(before, after map[string]string) {
	for name, version := range after {
		switch was, ok := before[name]; {
		case !ok:
			r.note(fmt.Sprintf("network policy %s was created while the run was under way", name))
		case was != version:
			r.note(fmt.Sprintf("network policy %s changed while the run was under way", name))
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			r.note(fmt.Sprintf("network policy %s was deleted while the run was under way", name))
		}
	}
}
