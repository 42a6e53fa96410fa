package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/e2e-framework/klient/k8s/resources"

	"github.com/partywall/partywall/lab/objects"
)

// applyTimeout bounds the start of what was applied.
const applyTimeout = 2 * time.Minute

func newApply(streams Streams, o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "apply FILE|FOLDER",
		Short: "Make the lab's objects those of a manifest or a kustomization, and wait until its Deployments run",
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
	read, err := objects.Read(ctx, path)
	if err != nil {
		return 0, err
	}
	return len(read), objects.Apply(ctx, r, read)
}
