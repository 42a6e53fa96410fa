package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/tenancy"
)

type initiating struct {
	*app
	file, label string
	force       bool
}

func newInit(a *app) *cobra.Command {
	o := &initiating{app: a, file: "tenancy.yaml"}
	c := &cobra.Command{
		Use:   "init",
		Short: "Write a tenancy file of what is in the cluster",
		Long: "Writes a tenancy file with comments: the tenants that a namespace label names, the namespaces that nobody claims\n" +
			"yet, and the settings there are, off. It changes nothing in the cluster, and no file that is there already.",
		Args: noArgs,
		Example: fmt.Sprintf("  %[1]s init --context staging -f staging.yaml\n"+
			"  %[1]s init --by-label example.com/team", a.name),
		RunE: func(c *cobra.Command, _ []string) error { return o.init(c.Context()) },
	}
	addFilename(c, &o.file, "tenancy file to write, - for standard output")
	c.Flags().StringVar(&o.label, "by-label", tenancy.DefaultLabel, "the namespace label that names tenants")
	c.Flags().BoolVar(&o.force, "force", false, "replace a file that is there")
	return c
}

func (o *initiating) init(ctx context.Context) error {
	if err := o.refuseExisting(); err != nil {
		return err
	}
	byLabel, err := tenancy.ByLabel(o.label)
	if err != nil {
		return fmt.Errorf("--by-label: %w", err)
	}
	cluster, _, err := connect(o.flags)
	if err != nil {
		return cannotRun(err)
	}
	found, err := tenancy.Discover(ctx, cluster.Client, byLabel, cluster.Context)
	var bad tenancy.Errors
	switch {
	case errors.As(err, &bad):
		return fmt.Errorf("%w; --by-label goes by another label", errors.New(bad.Error()))
	case err != nil:
		return unanswered(cluster, err)
	}
	text, err := tenancy.Draft(found, o.label, cluster.Context, time.Now())
	if err != nil {
		return err
	}
	printEach(o.err, found.Notes)
	return o.write(text, found)
}

// refuseExisting looks before the cluster is asked; write makes sure of it.
func (o *initiating) refuseExisting() error {
	if o.file == "-" || o.force {
		return nil
	}
	if _, err := os.Lstat(o.file); err == nil {
		return o.exists()
	}
	return nil
}

func (o *initiating) exists() error {
	return fmt.Errorf("%s is there already; --force replaces it, -f names another", o.file)
}

func (o *initiating) write(text []byte, found *tenancy.Tenancy) error {
	if o.file == "-" {
		_, err := o.out.Write(text)
		return err
	}
	how := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if o.force {
		how = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(o.file, how, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return o.exists()
	}
	if err == nil {
		_, err = f.Write(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return cannotRun(fmt.Errorf("writing the tenancy file: %w", err))
	}
	fmt.Fprintf(o.err, "wrote %s: %s\n", o.file, summary(found))
	return nil
}

func summary(t *tenancy.Tenancy) string {
	text := fmt.Sprintf("%d tenants", len(t.Tenants))
	if len(t.Unclaimed) > 0 {
		text += "; nobody claims " + strings.Join(t.Unclaimed, ", ") + ", and each needs a tenant or to be ignored"
	}
	return text
}
