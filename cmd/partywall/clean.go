package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/tenancy"
)

type cleaning struct {
	*app
	run  string
	all  bool
	file string
}

func newClean(a *app) *cobra.Command {
	o := &cleaning{app: a}
	c := &cobra.Command{
		Use:   "clean",
		Short: "Remove what runs left in the cluster",
		Long: "Removes what dead runs left: those whose probes have ended, which they do by themselves a few minutes\n" +
			"after their runner is gone. With --run that of one run, dead or alive. Nothing that no run made is touched.",
		Args: noArgs,
		Example: fmt.Sprintf("  %[1]s clean\n"+
			"  %[1]s clean --run 3f9a01c2", a.name),
		RunE: func(c *cobra.Command, _ []string) error { return o.clean(c.Context()) },
	}
	c.Flags().StringVar(&o.run, "run", "", "the id of one run, whatever state it is in")
	c.Flags().BoolVar(&o.all, "all", false, "every run, also those that are under way")
	addFilename(c, &o.file, "tenancy file, - for standard input: look only in the namespaces of its tenants, for a runner with rights in no others")
	c.MarkFlagsMutuallyExclusive("run", "all")
	return c
}

func (o *cleaning) clean(ctx context.Context) error {
	if len(validation.IsValidLabelValue(o.run)) > 0 {
		return fmt.Errorf("--run: %q is no id of a run; the reports of a run have it", o.run)
	}
	file, err := loadTenancy(o.in, o.file)
	if err != nil {
		return err
	}
	cluster, _, err := connect(o.flags)
	if err != nil {
		return cannotRun(err)
	}
	runs, err := o.find(ctx, cluster, file)
	if err != nil {
		return unanswered(cluster, err)
	}
	if len(runs) == 0 {
		fmt.Fprintln(o.out, "nothing to clean")
		return nil
	}
	for _, run := range runs {
		if err := o.cleanRun(ctx, cluster, run); err != nil {
			return unanswered(cluster, err)
		}
	}
	return nil
}

// find looks for runs in the namespaces of the file's tenants or, without a
// file, everywhere.
func (o *cleaning) find(ctx context.Context, cluster *runner.Cluster, file *tenancy.File) ([]runner.Found, error) {
	var namespaces []string
	if file != nil {
		found, err := tenancy.Discover(ctx, cluster.Client, file, cluster.Context)
		if err != nil {
			return nil, err
		}
		for _, t := range found.Tenants {
			namespaces = append(namespaces, t.Namespaces...)
		}
	}
	runs, err := cluster.Find(ctx, namespaces, o.run)
	if apierrors.IsForbidden(err) && file == nil {
		err = fmt.Errorf("%w; with -f FILE only the namespaces of its tenants are looked at", err)
	}
	return runs, err
}

func (o *cleaning) cleanRun(ctx context.Context, cluster *runner.Cluster, run runner.Found) error {
	where := strings.Join(run.Namespaces, ", ")
	if o.run == "" && !o.all && !run.Dead {
		fmt.Fprintf(o.out, "run %s left alone: its probes are alive in %s; `%s clean --run %s` removes it all the same\n",
			run.Run, where, o.name, run.Run)
		return nil
	}
	if err := cluster.Remove(ctx, run); err != nil {
		return err
	}
	fmt.Fprintf(o.out, "run %s removed from %s\n", run.Run, where)
	return nil
}
