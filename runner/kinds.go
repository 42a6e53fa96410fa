package runner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// kind is one that the cluster serves, of which changes matter to a run.
type kind struct {
	schema.GroupVersionResource
	name       string
	namespaced bool
	wall       bool // what is tried may end otherwise by it
}

// watched are the kinds that are looked out for, where the cluster serves
// them: what decides over traffic between the probes, and the tenants' own
// workloads, whose changes a reader wants named.
var watched = []struct {
	group, resource string
	wall            bool
}{
	{"", "namespaces", true}, // their labels, by which policies select
	{"", ownPods, true},      // those of the probes
	{"networking.k8s.io", "networkpolicies", true},
	{"policy.networking.k8s.io", "adminnetworkpolicies", true},
	{"policy.networking.k8s.io", "baselineadminnetworkpolicies", true},
	{"policy.networking.k8s.io", "clusternetworkpolicies", true},
	{"cilium.io", "ciliumnetworkpolicies", true},
	{"cilium.io", "ciliumclusterwidenetworkpolicies", true},
	{"crd.projectcalico.org", "networkpolicies", true},
	{"crd.projectcalico.org", "globalnetworkpolicies", true},
	{"crd.projectcalico.org", "tiers", true},
	{"projectcalico.org", "networkpolicies", true},
	{"projectcalico.org", "globalnetworkpolicies", true},
	{"projectcalico.org", "tiers", true},
	{"crd.antrea.io", "networkpolicies", true},
	{"crd.antrea.io", "clusternetworkpolicies", true},
	{"crd.antrea.io", "tiers", true},
	{"security.istio.io", "authorizationpolicies", true},
	{"security.istio.io", "peerauthentications", true},
	{"apps", "deployments", false},
	{"apps", "statefulsets", false},
	{"apps", "daemonsets", false},
}

// namesPorts says that objects of the kind may open ports, and that nobody reads
// which.
func (k kind) namesPorts() bool {
	return k.wall && k.Group != "" && k.Group != "networking.k8s.io" && k.Resource != "tiers" && k.Resource != "peerauthentications"
}

// ownPods are the pods of the run alone.
const ownPods = "pods"

// kinds finds those of the watched kinds that the cluster serves. What it
// could find comes also with an error.
func (c *Cluster) kinds() ([]kind, error) {
	groups, lists, err := c.Client.Discovery().ServerGroupsAndResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return nil, fmt.Errorf("asking the cluster what it serves: %w", err)
	}
	preferred := map[string]bool{}
	for _, g := range groups {
		preferred[g.PreferredVersion.GroupVersion] = true
	}
	// A group's preferred version need not serve all of its kinds.
	slices.SortStableFunc(lists, func(a, b *metav1.APIResourceList) int {
		return cmp.Compare(rank(preferred[a.GroupVersion]), rank(preferred[b.GroupVersion]))
	})
	var kinds []kind
	for _, list := range lists {
		if gv, err := schema.ParseGroupVersion(list.GroupVersion); err == nil {
			for _, k := range kindsOf(gv, list.APIResources) {
				if !slices.ContainsFunc(kinds, func(known kind) bool { return known.GroupResource() == k.GroupResource() }) {
					kinds = append(kinds, k)
				}
			}
		}
	}
	return kinds, failedGroups(err)
}

func rank(preferred bool) int {
	if preferred {
		return 0
	}
	return 1
}

func kindsOf(gv schema.GroupVersion, served []metav1.APIResource) []kind {
	var kinds []kind
	for _, w := range watched {
		if w.group != gv.Group {
			continue
		}
		for _, s := range served {
			if s.Name == w.resource {
				kinds = append(kinds, kind{gv.WithResource(s.Name), s.Kind, s.Namespaced, w.wall})
			}
		}
	}
	return kinds
}

// failedGroups keeps of a failed discovery what concerns the watched groups:
// an aggregated API that is down is nothing to a run.
func failedGroups(err error) error {
	failed, _ := discovery.GroupDiscoveryFailedErrorGroups(err)
	var names []string
	for gv, why := range failed {
		for _, w := range watched {
			if w.group == gv.Group {
				names = append(names, fmt.Sprintf("%s: %v", gv, why))
				break
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return fmt.Errorf("asking the cluster what it serves of %s", strings.Join(names, ", "))
}
