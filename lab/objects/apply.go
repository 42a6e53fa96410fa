package objects

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/e2e-framework/klient/k8s"
	"sigs.k8s.io/e2e-framework/klient/k8s/resources"
	"sigs.k8s.io/e2e-framework/klient/wait"
	"sigs.k8s.io/e2e-framework/klient/wait/conditions"
)

// Apply makes the cluster's objects those, one after the other, and waits until
// the Deployments among them run.
func Apply(ctx context.Context, r *resources.Resources, objects []k8s.Object) error {
	for _, object := range objects {
		if err := createOrUpdate(ctx, r, object); err != nil {
			return err
		}
	}
	return awaitDeployments(ctx, r, objects)
}

// createOrUpdate leaves the object as it was read: a client writes into what it
// is given what the cluster has made of it.
func createOrUpdate(ctx context.Context, r *resources.Resources, object k8s.Object) error {
	err := r.Create(ctx, copyOf(object))
	if apierrors.IsAlreadyExists(err) {
		err = replace(ctx, r, object)
	}
	if err != nil {
		return fmt.Errorf("applying %s/%s: %w", object.GetNamespace(), object.GetName(), err)
	}
	return nil
}

// replace names the version that it replaces, as most kinds demand.
func replace(ctx context.Context, r *resources.Resources, object k8s.Object) error {
	now, next := copyOf(object), copyOf(object)
	if err := r.Get(ctx, object.GetName(), object.GetNamespace(), now); err != nil {
		return err
	}
	next.SetResourceVersion(now.GetResourceVersion())
	return r.Update(ctx, next)
}

func copyOf(object k8s.Object) k8s.Object { return object.DeepCopyObject().(k8s.Object) }

func awaitDeployments(ctx context.Context, r *resources.Resources, objects []k8s.Object) error {
	for _, object := range objects {
		d, ok := object.(*appsv1.Deployment)
		if !ok {
			continue
		}
		available := conditions.New(r).DeploymentAvailable(d.Name, d.Namespace)
		if err := wait.For(available, wait.WithContext(ctx), wait.WithInterval(200*time.Millisecond), wait.WithImmediate()); err != nil {
			return fmt.Errorf("waiting for Deployment %s/%s: %w", d.Namespace, d.Name, err)
		}
	}
	return nil
}
