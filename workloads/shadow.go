package workloads

import (
	"context"
	"fmt"
	"maps"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"

	"github.com/partywall/partywall/tenancy"
)

// Ours begins the labels by which a run knows its own pods.
const Ours = "partywall.dev/"

// dropped are labels that controllers tell single pods or revisions by, which
// a shadow never carries. A template has none of them unless somebody put them
// there.
var dropped = []string{
	appsv1.DefaultDeploymentUniqueLabelKey, appsv1.ControllerRevisionHashLabelKey, appsv1.DeprecatedTemplateGeneration,
	appsv1.StatefulSetPodNameLabel, appsv1.PodIndexLabel,
	batchv1.JobNameLabel, batchv1.ControllerUidLabel, batchv1.JobCompletionIndexAnnotation, "job-name", "controller-uid",
	// Not a controller's, but an order to a mesh to put its proxy beside the
	// probe, which the probes of every namespace refuse.
	"sidecar.istio.io/inject",
}

// Identify looks at a workload and returns what a shadow of it carries. An
// error says why there may be none, with the object named: the workload itself,
// or whatever would count the shadow among the workload's pods or send it
// traffic. What the runner may not look at is a reason too.
func Identify(ctx context.Context, client kubernetes.Interface, s tenancy.Shadow) (tenancy.Identity, error) {
	template, err := templateOf(ctx, client, s)
	if err != nil {
		return tenancy.Identity{}, err
	}
	identity := tenancy.Identity{Labels: map[string]string{}, Account: "default"}
	if template.Spec.ServiceAccountName != "" {
		identity.Account = template.Spec.ServiceAccountName
	}
	identity.PortNames = namesOf(&template.Spec)
	maps.Copy(identity.Labels, template.Labels)
	for _, key := range dropped {
		delete(identity.Labels, key)
	}
	for key := range identity.Labels {
		if strings.HasPrefix(key, Ours) {
			return tenancy.Identity{}, refusal("its pods have the label %s, by which runs know their own", key)
		}
	}
	if template.Spec.HostNetwork {
		return tenancy.Identity{}, refusal("its pods are in their node's network (hostNetwork), which policies do not reach")
	}
	f := finder{ctx: ctx, client: client, shadow: s, labels: worn(identity.Labels)}
	if err := f.find(); err != nil {
		return tenancy.Identity{}, err
	}
	return identity, nil
}

// namesOf are what a template's containers call the ports that probes can have.
func namesOf(spec *corev1.PodSpec) tenancy.PortNames {
	names := tenancy.PortNames{}
	for _, p := range tenancy.ContainerPorts(spec) {
		if p.Protocol != corev1.ProtocolSCTP {
			names.Add(tenancy.Port{Protocol: strings.ToLower(string(p.Protocol)), Number: int(p.ContainerPort)}, p.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return names
}

// Refusal is why there may be no shadow of a workload. Any other error means
// that the cluster could not be asked.
type Refusal []string

// Error gives all that stands against it.
func (r Refusal) Error() string { return strings.Join(r, "; ") }

func refusal(format string, args ...any) Refusal { return Refusal{fmt.Sprintf(format, args...)} }

// templateOf is the workload's template of pods.
func templateOf(ctx context.Context, client kubernetes.Interface, s tenancy.Shadow) (*corev1.PodTemplateSpec, error) {
	meta, template, err := get(ctx, client, s)
	switch {
	case apierrors.IsNotFound(err):
		return nil, refusal("there is no %s %s in namespace %s", s.Kind(), s.Name(), s.Namespace)
	case apierrors.IsForbidden(err):
		return nil, refusal("it may not be looked at (manifests/roles/shadows.yaml grants it): %v", err)
	case err != nil:
		return nil, fmt.Errorf("looking at %s: %w", s, err)
	case meta.DeletionTimestamp != nil:
		return nil, refusal("it is being deleted")
	}
	return template, nil
}

func get(ctx context.Context, client kubernetes.Interface, s tenancy.Shadow) (*metav1.ObjectMeta, *corev1.PodTemplateSpec, error) {
	switch apps, name := client.AppsV1(), s.Name(); s.Kind() {
	case "Deployment":
		o, err := apps.Deployments(s.Namespace).Get(ctx, name, metav1.GetOptions{})
		return &o.ObjectMeta, &o.Spec.Template, err
	case "StatefulSet":
		o, err := apps.StatefulSets(s.Namespace).Get(ctx, name, metav1.GetOptions{})
		return &o.ObjectMeta, &o.Spec.Template, err
	default: // the last of tenancy.ShadowKinds
		o, err := apps.DaemonSets(s.Namespace).Get(ctx, name, metav1.GetOptions{})
		return &o.ObjectMeta, &o.Spec.Template, err
	}
}

// worn are all the labels of a shadow's pod: the workload's, the run's, and
// those that the Job's controller adds. Selectors go by the latter two at most
// by whether they are there.
func worn(workload map[string]string) labels.Set {
	all := labels.Set(maps.Clone(workload))
	for _, key := range []string{Ours + "run", Ours + "pod", batchv1.JobNameLabel, batchv1.ControllerUidLabel, "job-name", "controller-uid"} {
		all[key] = "partywall"
	}
	all[Ours+"role"] = "probe"
	return all
}
