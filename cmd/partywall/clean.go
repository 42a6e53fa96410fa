package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/tenancy"
)

type cleaning struct {
	flags *genericclioptions.ConfigFlags
	run   string
	all   bool
	file  string
}

func newClean(s streams, flags *genericclioptions.ConfigFlags) *cobra.Command {
	o := &cleaning{flags: flags}
	c := &cobra.Command{
		Use:   "clean",
		Short: "Remove what runs left in the cluster",
		Long: "Removes what dead runs left: those whose probes have ended, which they do by themselves a few minutes\n" +
			"after their runner is gone. With --run that of one run, dead or alive. Nothing that no run made is touched.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.clean(c, s) },
	}
	c.Flags().StringVar(&o.run, "run", "", "the id of one run, whatever state it is in")
	c.Flags().BoolVar(&o.all, "all", false, "every run, also those that are under way")
	c.Flags().StringVarP(&o.file, "filename", "f", "", "tenancy file: look only in the namespaces of its tenants, for a runner with rights in no others")
	c.MarkFlagsMutuallyExclusive("run", "all")
	return c
}

func (o *cleaning) clean(c *cobra.Command, s streams) error {
	ctx := c.Context()
	var file *tenancy.File
	if o.file != "" {
		var err error
		if file, err = tenancy.Load(o.file); err != nil {
			return err
		}
	}
	cluster, err := connect(o.flags)
	if err != nil {
		return cannotRun(err)
	}
	var namespaces []string
	if file != nil {
		found, err := tenancy.Discover(ctx, cluster.Client, file, cluster.Context)
		if err != nil {
			return cannotRun(err)
		}
		for _, t := range found.Tenants {
			namespaces = append(namespaces, t.Namespaces...)
		}
	}
	runs, err := cluster.Find(ctx, namespaces, o.run)
	if err != nil {
		return cannotRun(err)
	}
	if len(runs) == 0 {
		fmt.Fprintln(s.out, "nothing to clean")
		return nil
	}
	for _, run := range runs {
		if err := o.cleanRun(c, s, cluster, run); err != nil {
			return cannotRun(err)
		}
	}
	return nil
}

func (o *cleaning) cleanRun(c *cobra.Command, s streams, cluster *runner.Cluster, run runner.Found) error {
	where := strings.Join(run.Namespaces, ", ")
	if o.run == "" && !o.all && !run.Dead {
		fmt.Fprintf(s.out, "run %s left alone: its probes are alive in %s; `partywall clean --run %s` removes it all the same\n", run.Run, where, run.Run)
		return nil
	}
	if err := cluster.Remove(c.Context(), run); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "run %s removed from %s\n", run.Run, where)
	return nil
}
