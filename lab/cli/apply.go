package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/e2e-framework/klient/decoder"
	"sigs.k8s.io/e2e-framework/klient/k8s"
	"sigs.k8s.io/e2e-framework/klient/k8s/resources"
	"sigs.k8s.io/e2e-framework/klient/wait"
	"sigs.k8s.io/e2e-framework/klient/wait/conditions"
)

// applyTimeout bounds the start of what was applied.
const applyTimeout = 2 * time.Minute

func newApply(streams Streams, o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "apply FILE",
		Short: "Make the lab's objects those of a manifest, and wait until its Deployments run",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			lab, err := o.lab()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), applyTimeout)
			defer cancel()
			n, err := apply(ctx, lab.Kubeconfig(), args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(streams.Err, "lab %s: %d objects of %s are there\n", lab.Name, n, args[0])
			return err
		},
	}
}

func apply(ctx context.Context, kubeconfig, path string) (int, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return 0, fmt.Errorf("reading the lab's kubeconfig (is the lab up?): %w", err)
	}
	r, err := resources.New(config)
	if err != nil {
		return 0, fmt.Errorf("making a client: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	objects, err := decoder.DecodeAll(ctx, f)
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", path, err)
	}
	for _, object := range objects {
		if err := createOrUpdate(ctx, r, object); err != nil {
			return 0, err
		}
	}
	return len(objects), awaitDeployments(ctx, r, objects)
}

func createOrUpdate(ctx context.Context, r *resources.Resources, object k8s.Object) error {
	err := r.Create(ctx, object)
	if apierrors.IsAlreadyExists(err) {
		err = r.Update(ctx, object)
	}
	if err != nil {
		return fmt.Errorf("applying %s/%s: %w", object.GetNamespace(), object.GetName(), err)
	}
	return nil
}

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
