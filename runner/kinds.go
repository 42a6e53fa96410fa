package runner

import (
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
// workloads, whose changes a reader wants named. Proxies are not judged yet,
// so that the objects of meshes are not among them.
var watched = []struct {
	group, resource string
	wall            bool
}{
	{"", "namespaces", true}, // their labels, by which policies select
	{"networking.k8s.io", "networkpolicies", true},
	{"policy.networking.k8s.io", "adminnetworkpolicies", true},
	{"policy.networking.k8s.io", "baselineadminnetworkpolicies", true},
	{"policy.networking.k8s.io", "clusternetworkpolicies", true},
	{"cilium.io", "ciliumnetworkpolicies", true},
	{"cilium.io", "ciliumclusterwidenetworkpolicies", true},
	{"crd.projectcalico.org", "networkpolicies", true},
	{"crd.projectcalico.org", "globalnetworkpolicies", true},
	{"apps", "deployments", false},
	{"apps", "statefulsets", false},
	{"apps", "daemonsets", false},
}

// kinds finds those of the watched kinds that the cluster serves. What it
// could find comes also with an error.
func (c *Cluster) kinds() ([]kind, error) {
	groups, lists, err := c.Client.Discovery().ServerGroupsAndResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return nil, fmt.Errorf("asking the cluster what it serves: %w", err)
	}
	preferred := map[string]string{}
	for _, g := range groups {
		preferred[g.Name] = g.PreferredVersion.Version
	}
	var kinds []kind
	for _, list := range lists {
		gv, parseErr := schema.ParseGroupVersion(list.GroupVersion)
		if parseErr == nil && gv.Version == preferred[gv.Group] {
			kinds = append(kinds, kindsOf(gv, list.APIResources)...)
		}
	}
	return kinds, failedGroups(err)
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
