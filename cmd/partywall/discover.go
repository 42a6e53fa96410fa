package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/partywall/partywall/manifests"
	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/tenancy"
	"github.com/partywall/partywall/workloads"
)

type discovering struct {
	*app
	file, output string
}

func newDiscover(a *app) *cobra.Command {
	o := &discovering{app: a}
	c := &cobra.Command{
		Use:   "discover",
		Short: "Show the tenants, why each namespace is whose, and what probes cannot stand for",
		Long: "Shows what a run would work on: each namespace with its tenant and by what it is theirs, namespaces that nobody\n" +
			"claims or that are ignored, and the workloads that no probe stands for, since NetworkPolicies that go by pod labels\n" +
			"treat them unlike a probe. It changes nothing in the cluster.",
		Args: noArgs,
		Example: fmt.Sprintf("  %[1]s discover --context staging\n"+
			"  %[1]s discover -f tenancy.yaml -o json", a.name),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkOutput(c, o.output); err != nil {
				return err
			}
			return o.discover(c.Context())
		},
	}
	addFilename(c, &o.file, "tenancy file, - for standard input; without one, tenants are found by the namespace label "+tenancy.DefaultLabel)
	addOutput(c, &o.output, "json for machines")
	return c
}

// discovered is a tenancy and what was seen of it in the cluster.
type discovered struct {
	tenancy   *tenancy.Tenancy
	standings []tenancy.Standing
	untested  []workloads.Untested
	notes     []string
}

func (o *discovering) discover(ctx context.Context) error {
	file, err := loadTenancy(o.in, o.file)
	if err != nil {
		return err
	}
	cluster, _, err := connect(o.flags)
	if err != nil {
		return cannotRun(err)
	}
	found, err := tenancy.Discover(ctx, cluster.Client, file, cluster.Context)
	if err != nil {
		return unanswered(cluster, err)
	}
	d := &discovered{tenancy: found, standings: found.Standings(file), notes: found.Notes}
	if err := d.look(ctx, cluster); err != nil {
		return unanswered(cluster, err)
	}
	if o.output == "json" {
		return d.printJSON(o.out)
	}
	printEach(o.err, d.notes)
	return d.print(o.out)
}

// look finds the untested workloads of every tenant. Where that is forbidden,
// it says so and goes on.
func (d *discovered) look(ctx context.Context, cluster *runner.Cluster) error {
	probe := labels.Set(manifests.ProbeJob().Spec.Template.Labels)
	for _, t := range d.tenancy.Tenants {
		for _, ns := range t.Namespaces {
			found, err := workloads.Find(ctx, cluster.Client, ns, probe)
			switch {
			case apierrors.IsForbidden(err):
				d.notes = append(d.notes, fmt.Sprintf("workloads that no probe stands for could not be looked for in namespace %s: %v", ns, err))
			case err != nil:
				return err
			}
			d.untested = append(d.untested, found...)
		}
	}
	return nil
}
