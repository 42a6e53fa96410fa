// Command kind brings up a kind cluster that has the probe's image, and takes
// it down again; the Makefile runs it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"sigs.k8s.io/e2e-framework/support/kind"
)

const (
	name = "partywall"
	// version of kind is installed where there is none.
	version = "v0.33.0"
)

// cluster is what of e2e-framework's provider is called here.
type cluster interface {
	CreateWithConfig(ctx context.Context, config string) (kubeconfig string, err error)
	LoadImageArchive(ctx context.Context, archive string, args ...string) error
	Destroy(ctx context.Context) error
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := kind.NewCluster(name)
	c.SetDefaults().WithVersion(version)
	if err := run(ctx, c, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, c cluster, args []string) error {
	switch {
	case len(args) == 3 && args[0] == "up":
		return up(ctx, c, args[1], args[2])
	case len(args) == 1 && args[0] == "down":
		return c.Destroy(ctx)
	}
	return errors.New("kind: usage: up CONFIG ARCHIVE, or down")
}

// up creates the cluster, unless it is there, and loads the image into its
// nodes.
func up(ctx context.Context, c cluster, config, archive string) error {
	kubeconfig, err := c.CreateWithConfig(ctx, config)
	if err != nil {
		return err
	}
	// kind has added its context to the user's kubeconfig. The provider's copy
	// holds an administrator's key, and nobody would look for it.
	if err := os.Remove(kubeconfig); err != nil {
		return err
	}
	if err := c.LoadImageArchive(ctx, archive); err != nil {
		return err
	}
	_, err = fmt.Printf("kind: the cluster is up; its context is kind-%s\n", name)
	return err
}
