package workloads

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
)

// Untested is a workload that the probe does not stand for.
type Untested struct {
	Namespace string
	Workload  string   // Deployment/web
	Pods      int      // of the workload that are treated so
	Own       []string // policies that select it and not the probe
	Probe     []string // policies that select the probe and not it
	Host      bool     // in the node's network, which policies do not reach
}

// Find looks for the untested workloads of a namespace, sorted. The labels are
// a probe's.
func Find(ctx context.Context, client kubernetes.Interface, namespace string, probe labels.Set) ([]Untested, error) {
	list, err := client.NetworkingV1().NetworkPolicies(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing the network policies of namespace %s: %w", namespace, err)
	}
	policies, err := selecting(list.Items)
	if err != nil {
		return nil, err
	}
	c := comparison{policies: policies, probe: policies.names(probe), found: map[string]*Untested{}}
	err = eachPod(ctx, client, namespace, func(pod *corev1.Pod) {
		if !finished(pod) && pod.Labels[Ours+"role"] != "probe" {
			c.add(pod)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("listing the pods of namespace %s: %w", namespace, err)
	}
	return c.sorted(), nil
}

// finished pods receive nothing any more.
func finished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// selectors are NetworkPolicies by whom they are about.
type selectors []struct {
	name string
	who  labels.Selector
}

func selecting(policies []networkingv1.NetworkPolicy) (selectors, error) {
	var all selectors
	for _, p := range policies {
		who, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
		if err != nil {
			return nil, fmt.Errorf("reading the podSelector of network policy %s/%s: %w", p.Namespace, p.Name, err)
		}
		all = append(all, struct {
			name string
			who  labels.Selector
		}{p.Name, who})
	}
	return all, nil
}

// names are the policies that select a pod of these labels.
func (s selectors) names(pod labels.Set) []string {
	var names []string
	for _, p := range s {
		if p.who.Matches(pod) {
			names = append(names, p.name)
		}
	}
	slices.Sort(names)
	return names
}

// comparison holds pods against the probe.
type comparison struct {
	policies selectors
	probe    []string
	found    map[string]*Untested
}

// add counts a pod with those of its workload that are treated alike.
func (c *comparison) add(pod *corev1.Pod) {
	u := Untested{Namespace: pod.Namespace, Workload: workloadOf(pod), Host: pod.Spec.HostNetwork}
	if !u.Host {
		own := c.policies.names(labels.Set(pod.Labels))
		u.Own, u.Probe = without(own, c.probe), without(c.probe, own)
		if len(u.Own)+len(u.Probe) == 0 {
			return
		}
	}
	key := fmt.Sprint(u.Workload, u.Own, u.Probe)
	if c.found[key] == nil {
		c.found[key] = &u
	}
	c.found[key].Pods++
}

func (c *comparison) sorted() []Untested {
	var all []Untested
	for _, u := range c.found {
		all = append(all, *u)
	}
	slices.SortFunc(all, func(a, b Untested) int {
		return cmp.Or(cmp.Compare(a.Workload, b.Workload), slices.Compare(a.Own, b.Own), slices.Compare(a.Probe, b.Probe))
	})
	return all
}

// without are the names of one list that the other does not have.
func without(names, other []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(other, name) })
}
