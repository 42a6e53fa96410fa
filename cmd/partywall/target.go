package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

// target is what run and plan have in common: a cluster, a tenancy and what to
// try of it.
type target struct {
	flags     *genericclioptions.ConfigFlags
	file      string
	selection suites.Selection
	placement string
}

func (t *target) addFlags(f *pflag.FlagSet) {
	f.StringVarP(&t.file, "filename", "f", "", "tenancy file; without one, tenants are found by the namespace label "+tenancy.DefaultLabel)
	f.StringSliceVar(&t.selection.Suites, "suite", nil, "only these suites")
	f.StringSliceVar(&t.selection.Checks, "check", nil, "only these checks")
	f.StringSliceVar(&t.selection.Tenants, "tenant", nil, "only attempts from or to these tenants")
	f.StringVar(&t.placement, "placement", "", "only attempts within nodes (same-node) or across them (cross-node)")
	f.StringArrayVar(&t.selection.Only, "only", nil, "only the attempts with this id; * matches any characters; repeatable")
}

// planned is a target's attempts, and what they were taken from.
type planned struct {
	cluster  *runner.Cluster
	tenancy  *tenancy.Tenancy
	file     bool // there is a tenancy file
	whole    int  // attempts there would be without a selection
	attempts []suites.Attempt
}

// plan reads the tenancy, finds it in the cluster, and lists what to try.
func (t *target) plan(ctx context.Context) (*planned, error) {
	var file *tenancy.File
	if t.file != "" {
		var err error
		if file, err = tenancy.Load(t.file); err != nil {
			return nil, err
		}
	}
	cluster, err := connect(t.flags)
	if err != nil {
		return nil, cannotRun(err)
	}
	found, err := tenancy.Discover(ctx, cluster.Client, file, cluster.Context)
	if err != nil {
		return nil, cannotRun(err)
	}
	all := registry.Plan(found)
	t.selection.Placement = suites.Placement(t.placement)
	attempts, err := t.selection.Apply(registry, found, all)
	if err != nil {
		return nil, err
	}
	return &planned{cluster: cluster, tenancy: found, file: file != nil, whole: len(all), attempts: attempts}, nil
}

func connect(flags *genericclioptions.ConfigFlags) (*runner.Cluster, error) {
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	raw, err := flags.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	name := raw.CurrentContext
	if flags.Context != nil && *flags.Context != "" {
		name = *flags.Context
	}
	if name == "" {
		name = "in-cluster"
	}
	return runner.NewCluster(config, name)
}
