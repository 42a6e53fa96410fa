package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/suites/network"
	"github.com/partywall/partywall/tenancy"
)

// target is what run and plan have in common: a cluster, a tenancy and what to
// try of it.
type target struct {
	*app
	file      string
	selection suites.Selection
	targets   []string
	maxPorts  int
}

func (t *target) addFlags(c *cobra.Command) {
	f := c.Flags()
	addFilename(c, &t.file, "tenancy file, - for standard input; without one, tenants are found by the namespace label "+tenancy.DefaultLabel)
	f.StringSliceVar(&t.selection.Suites, "suite", nil, "only these suites")
	f.StringSliceVar(&t.selection.Checks, "check", nil, "only these checks")
	f.StringSliceVar(&t.selection.Tenants, "tenant", nil, "only attempts from or to these tenants")
	f.StringVar((*string)(&t.selection.Placement), "placement", "", "only attempts within nodes (same-node) or across them (cross-node)")
	f.StringSliceVar(&t.targets, "targets", []string{targetProbes}, "what is tried beside the probes themselves: services, the real Services, and shadows, probes that stand for the workloads, that the tenancy file lists; node-ports, probes by ports that are opened on every node meanwhile")
	f.IntVar(&t.maxPorts, "max-ports", tenancy.DefaultPorts, "how many of the ports that a tenant's own policies, Services and pods name are tried; those that a policy opens between tenants are all tried besides")
	f.IntVar(&t.selection.Sample.Size, "sample", 0, "only so many attempts, drawn by lot so that every tenant is a source and a target; 0 means all")
	f.Uint64Var(&t.selection.Sample.Seed, "seed", 0, "draws the same sample again; 0 means any")
	f.StringArrayVar(&t.selection.Only, "only", nil, "only the attempts with this id; * matches any characters; repeatable")
	var suiteNames, checkNames []string
	for _, s := range registry() {
		suiteNames = append(suiteNames, s.Name())
		checkNames = append(checkNames, s.Checks()...)
	}
	complete(c, "suite", suiteNames...)
	complete(c, "check", checkNames...)
	completeBy(c, "tenant", func() []string { return listedTenants(t.file) })
	complete(c, "targets", targetNames...)
	complete(c, "placement", string(suites.SameNode), string(suites.CrossNode))
}

// What may be tried. Probes always are.
const (
	targetProbes    = "probes"
	targetServices  = "services"
	targetShadows   = "shadows"
	targetNodePorts = "node-ports"
)

var targetNames = []string{targetProbes, targetServices, targetShadows, targetNodePorts}

func (t *target) aims(at string) bool { return slices.Contains(t.targets, at) }

func (t *target) real() bool { return t.aims(targetServices) }

func (t *target) checkTargets() error {
	for _, v := range t.targets {
		if !slices.Contains(targetNames, v) {
			return fmt.Errorf("--targets: there is no %q; there is: %s", v, strings.Join(targetNames, ", "))
		}
	}
	return nil
}

// planned is a target's attempts, and what they were taken from.
type planned struct {
	cluster *runner.Cluster
	context string // of the kubeconfig; empty where the cluster was found without
	tenancy *tenancy.Tenancy
	file    *tenancy.File // nil: there is none
	plan    *suites.Plan
}

// plan reads the tenancy, finds it in the cluster, and lists what to try. What
// is wrong with the command line or the file is said before the cluster is
// asked, which may be away.
func (t *target) plan(ctx context.Context) (*planned, error) {
	if err := t.selection.Check(registry(t.targets...)); err != nil {
		return nil, err
	}
	if err := t.checkTargets(); err != nil {
		return nil, err
	}
	if t.maxPorts < 0 {
		return nil, fmt.Errorf("--max-ports: %d is no number of ports; 0 is none, %d the default", t.maxPorts, tenancy.DefaultPorts)
	}
	file, err := loadTenancy(t.in, t.file)
	if err != nil {
		return nil, err
	}
	if t.real() && (file == nil || len(file.Services) == 0) {
		return nil, errors.New("--targets=services: the tenancy file lists no services")
	}
	if t.aims(targetShadows) && (file == nil || len(file.Shadows) == 0) {
		return nil, errors.New("--targets=shadows: the tenancy file lists no shadows; `partywall discover` says which workloads need one")
	}
	cluster, context, err := connect(t.flags)
	if err != nil {
		return nil, cannotRun(err)
	}
	found, err := tenancy.Discover(ctx, cluster.Client, file, cluster.Context)
	if err != nil {
		return nil, unanswered(cluster, err)
	}
	if err := t.cast(ctx, cluster, found); err != nil {
		return nil, unanswered(cluster, err)
	}
	tenancy.Observe(ctx, cluster.Client, found, tenancy.Observing{Ports: t.maxPorts, Tried: network.Ports})
	if t.selection.Sample.Size > 0 && t.selection.Sample.Seed == 0 {
		t.selection.Sample.Seed = 1 + rand.Uint64N(1<<32)
	}
	plan, err := t.selection.Plan(registry(t.targets...), found)
	if err != nil {
		return nil, err
	}
	found.Notes = append(found.Notes, t.selection.Idle(registry(), found)...)
	return &planned{cluster: cluster, context: context, tenancy: found, file: file, plan: plan}, nil
}

// addFilename adds kubectl's flag for files; the path is its default.
func addFilename(c *cobra.Command, path *string, usage string) {
	c.Flags().StringVarP(path, "filename", "f", *path, usage)
	_ = c.MarkFlagFilename("filename", "yaml", "yml", "json") // fails for unknown flags only
}

// loadTenancy reads the tenancy file, if there is one.
func loadTenancy(stdin io.Reader, path string) (*tenancy.File, error) {
	switch path {
	case "":
		return nil, nil
	case "-":
		// A byte more than a file may have lets the parser see that it is too much.
		data, err := io.ReadAll(io.LimitReader(stdin, tenancy.MaxSize+1))
		if err != nil {
			return nil, fmt.Errorf("reading the tenancy from standard input: %w", err)
		}
		return tenancy.Parse("<stdin>", data)
	default:
		return tenancy.Load(path)
	}
}
