package policies

import (
	"context"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
)

// Set is the NetworkPolicies of some namespaces, as they were at one time.
type Set struct {
	policies map[string][]networkingv1.NetworkPolicy // by namespace; no entry where they could not be read
	unread   bool                                    // of some namespace
	spaces   map[string]labels.Set                   // of all namespaces; nil where they could not be listed
}

// Pod is what policies go by in a pod. Without a namespace it is an address that
// is no pod's.
type Pod struct {
	Namespace string
	Labels    map[string]string
	IPs       []netip.Addr // empty where they are not known
	Ports     []corev1.ContainerPort
}

// Read reads the policies of namespaces. What cannot be read is left out, and
// nothing is told of it later.
func Read(ctx context.Context, client kubernetes.Interface, namespaces []string) *Set {
	s := &Set{policies: map[string][]networkingv1.NetworkPolicy{}}
	for _, ns := range namespaces {
		list, err := client.NetworkingV1().NetworkPolicies(ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			s.unread = true
			continue
		}
		s.policies[ns] = list.Items
	}
	if list, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{}); err == nil {
		s.spaces = map[string]labels.Set{}
		for i := range list.Items {
			s.spaces[list.Items[i].Name] = list.Items[i].Labels
		}
	}
	return s
}
