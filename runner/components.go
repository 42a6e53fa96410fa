package runner

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// component is what holds policies up in a cluster: a network plugin or a mesh.
// Its API shows it, and a workload of the name that its own manifests give it
// has its version.
type component struct {
	name       string
	groups     []string // of its API; one is enough
	namespaces []string // in which its workload may be
	workload   string   // a DaemonSet's name, or for a mesh a Deployment's
	mesh       bool
}

var components = []component{
	{"Antrea", []string{"crd.antrea.io"}, []string{"kube-system"}, "antrea-agent", false},
	{"Calico", []string{"crd.projectcalico.org", "projectcalico.org"}, []string{"calico-system", "kube-system"}, "calico-node", false},
	{"Cilium", []string{"cilium.io"}, []string{"kube-system", "cilium"}, "cilium", false},
	{"OVN-Kubernetes", []string{"k8s.ovn.org"}, []string{"ovn-kubernetes", "openshift-ovn-kubernetes"}, "ovnkube-node", false},
	{"Istio", []string{"security.istio.io"}, []string{"istio-system"}, "istiod", true},
	{"Linkerd", []string{"policy.linkerd.io"}, []string{"linkerd"}, "linkerd-destination", true},
}

// Components are the network plugins and meshes that the cluster's API shows,
// with their versions where the runner may see those: what a report is of. One
// without an API of its own is not known, and that one is there does not say
// that it holds up anything.
func (c *Cluster) Components(ctx context.Context) []string {
	list, err := c.Client.Discovery().ServerGroups()
	if err != nil {
		return nil // as where there are none: nothing is claimed
	}
	served := func(group string) bool {
		return slices.ContainsFunc(list.Groups, func(g metav1.APIGroup) bool { return g.Name == group })
	}
	var found []string
	for _, known := range components {
		if slices.ContainsFunc(known.groups, served) {
			found = append(found, strings.TrimSpace(known.name+" "+c.versionOf(ctx, known)))
		}
	}
	return found
}

// versionOf is the tag of the image that a component runs; empty where it may
// not be seen, or there is none.
func (c *Cluster) versionOf(ctx context.Context, known component) string {
	for _, ns := range known.namespaces {
		if containers := c.containersOf(ctx, known, ns); len(containers) > 0 {
			return tagOf(containers[0].Image)
		}
	}
	return ""
}

func (c *Cluster) containersOf(ctx context.Context, known component, ns string) []corev1.Container {
	if known.mesh {
		if d, err := c.Client.AppsV1().Deployments(ns).Get(ctx, known.workload, metav1.GetOptions{}); err == nil {
			return d.Spec.Template.Spec.Containers
		}
		return nil
	}
	if d, err := c.Client.AppsV1().DaemonSets(ns).Get(ctx, known.workload, metav1.GetOptions{}); err == nil {
		return d.Spec.Template.Spec.Containers
	}
	return nil
}

func tagOf(image string) string {
	image, _, _ = strings.Cut(image, "@")
	_, tag, _ := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	return tag
}
