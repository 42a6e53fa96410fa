package workloads

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"

	"github.com/partywall/partywall/tenancy"
)

// finder looks for what would take a shadow for one of the workload's pods.
type finder struct {
	ctx    context.Context
	client kubernetes.Interface
	shadow tenancy.Shadow
	labels labels.Set
	found  Refusal
}

// find returns everything that stands against the shadow, or nil.
func (f *finder) find() error {
	for _, look := range []func() error{f.services, f.budgets, f.horizontal, f.vertical, f.controllers} {
		if err := look(); err != nil {
			return err
		}
	}
	if len(f.found) > 0 {
		return f.found
	}
	return nil
}

func (f *finder) refuse(kind, name, why string) {
	f.found = append(f.found, fmt.Sprintf("%s %s/%s %s", kind, f.shadow.Namespace, name, why))
}

// unseen is a kind that could not be listed. Where that is forbidden, nobody
// knows whether there may be a shadow, so that there is none.
func (f *finder) unseen(kind string, err error) error {
	if !apierrors.IsForbidden(err) {
		return fmt.Errorf("looking for a %s that selects the labels of %s: %w", kind, f.shadow, err)
	}
	f.found = append(f.found, fmt.Sprintf("whether a %s selects its labels may not be looked at (manifests/roles/shadows.yaml grants it): %v", kind, err))
	return nil
}

// selects says whether a selector would match the shadow's labels. One that
// cannot be read may match.
func (f *finder) selects(s *metav1.LabelSelector) bool {
	who, err := metav1.LabelSelectorAsSelector(s)
	return err != nil || who.Matches(f.labels)
}

// negStatus is how GKE marks a Service whose pods its load balancers reach by
// themselves.
const negStatus = "cloud.google.com/neg-status"

// services keep what is not ready away from traffic, unless they say that they
// do not.
func (f *finder) services() error {
	list, err := f.client.CoreV1().Services(f.shadow.Namespace).List(f.ctx, metav1.ListOptions{})
	if err != nil {
		return f.unseen("Service", err)
	}
	for _, s := range list.Items {
		if len(s.Spec.Selector) == 0 || !labels.SelectorFromSet(s.Spec.Selector).Matches(f.labels) {
			continue
		}
		if s.Spec.PublishNotReadyAddresses {
			f.refuse("Service", s.Name, "selects its labels and publishes what is not ready (publishNotReadyAddresses), so that the shadow could receive real traffic")
		}
		if _, grouped := s.Annotations[negStatus]; grouped {
			f.refuse("Service", s.Name, "selects its labels and fills network endpoint groups ("+negStatus+"), which take in what is not ready too, so that the shadow could receive real traffic")
		}
	}
	return nil
}

// budgets count every pod that they select, and an eviction fails where one of
// them belongs to a controller without a scale, as a Job is.
func (f *finder) budgets() error {
	list, err := f.client.PolicyV1().PodDisruptionBudgets(f.shadow.Namespace).List(f.ctx, metav1.ListOptions{})
	if err != nil {
		return f.unseen("PodDisruptionBudget", err)
	}
	for _, b := range list.Items {
		if f.selects(b.Spec.Selector) {
			f.refuse("PodDisruptionBudget", b.Name, "selects its labels, so that it would count the shadow")
		}
	}
	return nil
}

// horizontal autoscalers go by all pods that the selector of their target
// matches, whoever owns them.
func (f *finder) horizontal() error {
	list, err := f.client.AutoscalingV2().HorizontalPodAutoscalers(f.shadow.Namespace).List(f.ctx, metav1.ListOptions{})
	if err != nil {
		return f.unseen("HorizontalPodAutoscaler", err)
	}
	for _, a := range list.Items {
		f.scaled("HorizontalPodAutoscaler", a.Name, a.Spec.ScaleTargetRef)
	}
	return nil
}

const verticalGroup = "autoscaling.k8s.io/v1"

// vertical autoscalers are an add-on, whose types are read by hand.
func (f *finder) vertical() error {
	if _, err := f.client.Discovery().ServerResourcesForGroupVersion(verticalGroup); apierrors.IsNotFound(err) {
		return nil
	} else if err != nil {
		return f.unseen("VerticalPodAutoscaler", err)
	}
	text, err := f.client.Discovery().RESTClient().Get().
		AbsPath("/apis", verticalGroup, "namespaces", f.shadow.Namespace, "verticalpodautoscalers").DoRaw(f.ctx)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return f.unseen("VerticalPodAutoscaler", err)
	}
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Spec     struct {
				TargetRef autoscalingv2.CrossVersionObjectReference
			}
		}
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return f.unseen("VerticalPodAutoscaler", err)
	}
	for _, a := range list.Items {
		f.scaled("VerticalPodAutoscaler", a.Metadata.Name, a.Spec.TargetRef)
	}
	return nil
}

// scaled refuses the target of an autoscaler, and what may be. The controllers
// of known kinds are looked at for themselves.
func (f *finder) scaled(kind, name string, target autoscalingv2.CrossVersionObjectReference) {
	switch target.Kind {
	case f.shadow.Kind():
		if target.Name == f.shadow.Name() {
			f.refuse(kind, name, "scales it by all pods that have its labels, so that the shadow would be one of them")
		}
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController":
	default:
		f.refuse(kind, name, fmt.Sprintf("scales %s %s, of which Partywall does not know what pods it selects", target.Kind, target.Name))
	}
}

// controllers that select the labels, but for the workload itself, whose pods
// have them by definition. None can adopt a shadow, which its Job controls; but
// an overlap is nothing to add to.
func (f *finder) controllers() error {
	ns, all, client := f.shadow.Namespace, metav1.ListOptions{}, f.client
	deployments, err := client.AppsV1().Deployments(ns).List(f.ctx, all)
	if err != nil {
		return f.unseen("Deployment", err)
	}
	for _, o := range deployments.Items {
		f.controller("Deployment", o.Name, o.Spec.Selector, &o.Spec.Template.Spec)
	}
	replicaSets, err := client.AppsV1().ReplicaSets(ns).List(f.ctx, all)
	if err != nil {
		return f.unseen("ReplicaSet", err)
	}
	for _, o := range replicaSets.Items {
		pods := &o.Spec.Template.Spec
		if metav1.GetControllerOf(&o) != nil {
			pods = &corev1.PodSpec{} // its Deployment's, which says it already
		}
		f.controller("ReplicaSet", o.Name, o.Spec.Selector, pods)
	}
	statefulSets, err := client.AppsV1().StatefulSets(ns).List(f.ctx, all)
	if err != nil {
		return f.unseen("StatefulSet", err)
	}
	for _, o := range statefulSets.Items {
		f.controller("StatefulSet", o.Name, o.Spec.Selector, &o.Spec.Template.Spec)
	}
	daemonSets, err := client.AppsV1().DaemonSets(ns).List(f.ctx, all)
	if err != nil {
		return f.unseen("DaemonSet", err)
	}
	for _, o := range daemonSets.Items {
		f.controller("DaemonSet", o.Name, o.Spec.Selector, &o.Spec.Template.Spec)
	}
	jobs, err := client.BatchV1().Jobs(ns).List(f.ctx, all)
	if err != nil {
		return f.unseen("Job", err)
	}
	for _, o := range jobs.Items {
		f.controller("Job", o.Name, o.Spec.Selector, &o.Spec.Template.Spec)
	}
	cronJobs, err := client.BatchV1().CronJobs(ns).List(f.ctx, all)
	if err != nil {
		return f.unseen("CronJob", err)
	}
	for _, o := range cronJobs.Items {
		f.controller("CronJob", o.Name, nil, &o.Spec.JobTemplate.Spec.Template.Spec)
	}
	old, err := client.CoreV1().ReplicationControllers(ns).List(f.ctx, all)
	if err != nil {
		return f.unseen("ReplicationController", err)
	}
	for _, o := range old.Items {
		template := cmp.Or(o.Spec.Template, &corev1.PodTemplateSpec{})
		f.controller("ReplicationController", o.Name, metav1.SetAsLabelSelector(o.Spec.Selector), &template.Spec)
	}
	return nil
}

// controller refuses one whose selector would match. The workload's own does,
// and so would an empty one, which the API server lets no controller have.
func (f *finder) controller(kind, name string, selector *metav1.LabelSelector, pods *corev1.PodSpec) {
	own := kind == f.shadow.Kind() && name == f.shadow.Name()
	if !own && selector != nil && len(selector.MatchLabels)+len(selector.MatchExpressions) > 0 && f.selects(selector) {
		f.refuse(kind, name, "selects its labels too")
	}
	if why := f.placed(pods); why != "" {
		f.refuse(kind, name, "places its pods by where those with its labels are ("+why+"), so that the shadow could keep them from a node, or draw them to it")
	}
}

// placed says by which rule the scheduler must go by pods with the labels when
// it places others. What it merely prefers holds nothing up.
func (f *finder) placed(pods *corev1.PodSpec) string {
	if a := pods.Affinity; a != nil {
		if a.PodAntiAffinity != nil && slices.ContainsFunc(a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution, f.counts) {
			return "required podAntiAffinity"
		}
		if a.PodAffinity != nil && slices.ContainsFunc(a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution, f.counts) {
			return "required podAffinity"
		}
	}
	for _, c := range pods.TopologySpreadConstraints {
		if c.WhenUnsatisfiable == corev1.DoNotSchedule && f.selectsWith(c.LabelSelector, c.MatchLabelKeys) {
			return "topologySpreadConstraints with DoNotSchedule"
		}
	}
	return ""
}

// counts says that a term may find the shadow. By its namespaces' labels it may
// find any.
func (f *finder) counts(t corev1.PodAffinityTerm) bool {
	here := len(t.Namespaces) == 0 && t.NamespaceSelector == nil || t.NamespaceSelector != nil || slices.Contains(t.Namespaces, f.shadow.Namespace)
	return here && f.selectsWith(t.LabelSelector, t.MatchLabelKeys)
}

// selectsWith is selects for a selector that asks besides for the values that a
// pod itself has of some labels. A shadow has none of a controller's.
func (f *finder) selectsWith(s *metav1.LabelSelector, keys []string) bool {
	if s == nil {
		return false // which selects nothing
	}
	return !slices.ContainsFunc(keys, func(key string) bool { return !f.labels.Has(key) }) && f.selects(s)
}
