package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/e2e-framework/klient/decoder"
	"sigs.k8s.io/e2e-framework/klient/k8s"
	"sigs.k8s.io/e2e-framework/klient/k8s/resources"
	"sigs.k8s.io/e2e-framework/klient/wait/conditions"

	"github.com/partywall/partywall/lab/build"
)

const (
	meshNamespace = "istio-system"
	istiod        = "istiod"
)

// createMesh creates Istio's objects: its kinds first, so that nothing is of a
// kind that the API server does not know yet.
func (c *Cluster) createMesh(ctx context.Context, r *resources.Resources) error {
	path := build.MeshManifests(c.lab)
	objects, err := decoder.DecodeAllFiles(ctx, os.DirFS(filepath.Dir(path)), filepath.Base(path))
	if err != nil {
		return fmt.Errorf("reading Istio's manifests: %w", err)
	}
	kinds, others := splitKinds(objects)
	if err := create(ctx, r, kinds); err != nil {
		return err
	}
	for _, kind := range kinds {
		if err := c.await(ctx, conditions.New(r).ResourceMatch(kind, isEstablished)); err != nil {
			return fmt.Errorf("waiting for the kind %s: %w", kind.GetName(), err)
		}
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: meshNamespace}}
	if err := r.Create(ctx, namespace); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating namespace %s: %w", meshNamespace, err)
	}
	return create(ctx, r, others)
}

// splitKinds tells definitions of kinds from all other objects.
func splitKinds(objects []k8s.Object) (kinds, others []k8s.Object) {
	for _, object := range objects {
		if object.GetObjectKind().GroupVersionKind().Kind == "CustomResourceDefinition" {
			kinds = append(kinds, object)
		} else {
			others = append(others, object)
		}
	}
	return kinds, others
}

// awaitMesh waits until istiod runs and the API server can call it: a pod that
// comes from then on gets its sidecar.
func (c *Cluster) awaitMesh(ctx context.Context, r *resources.Resources) error {
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: istiod, Namespace: meshNamespace}}
	if err := c.await(ctx, conditions.New(r).ResourceMatch(deployment, isAvailable)); err != nil {
		return fmt.Errorf("waiting for istiod: %w", err)
	}
	c.progress("istiod is ready")
	if err := c.await(ctx, conditions.New(r).ResourceListMatchN(&admissionv1.MutatingWebhookConfigurationList{}, 1, isTrusted)); err != nil {
		return fmt.Errorf("waiting for the webhook that injects sidecars: %w", err)
	}
	c.progress("the webhook that injects sidecars is ready")
	return nil
}

func isEstablished(object k8s.Object) bool {
	definition, ok := object.(*unstructured.Unstructured)
	if !ok {
		return false
	}
	list, _, _ := unstructured.NestedSlice(definition.Object, "status", "conditions")
	for _, entry := range list {
		condition, ok := entry.(map[string]any)
		if ok && condition["type"] == "Established" && condition["status"] == "True" {
			return true
		}
	}
	return false
}

// isTrusted is true of webhooks to which istiod has added its authority.
func isTrusted(object k8s.Object) bool {
	configuration, ok := object.(*admissionv1.MutatingWebhookConfiguration)
	if !ok || len(configuration.Webhooks) == 0 {
		return false
	}
	for _, webhook := range configuration.Webhooks {
		if len(webhook.ClientConfig.CABundle) == 0 {
			return false
		}
	}
	return true
}
