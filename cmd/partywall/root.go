package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/suites/admission"
	"github.com/partywall/partywall/suites/dns"
	"github.com/partywall/partywall/suites/egress"
	"github.com/partywall/partywall/suites/mesh"
	"github.com/partywall/partywall/suites/network"
	"github.com/partywall/partywall/suites/services"
)

// registry is the suites that this program knows. What has to be asked for by
// name is tried where it is among targets.
func registry(targets ...string) suites.Registry {
	return suites.Registry{
		network.Suite{NodePorts: slices.Contains(targets, targetNodePorts)},
		dns.Suite{},
		egress.Suite{NodePorts: slices.Contains(targets, targetNodePorts), Services: slices.Contains(targets, targetServices)},
		services.Suite{On: slices.Contains(targets, targetServices)},
		admission.Suite{},
		mesh.Suite{},
	}
}

// app is what all commands have in common.
type app struct {
	streams
	name  string // how help and errors call the program
	flags *genericclioptions.ConfigFlags
	probe carrier
}

// carrier gives the probe of an architecture that the program carries.
type carrier func(arch string) ([]byte, error)

// execute runs a command line, which begins with the program's own path, and
// returns its exit code.
func execute(ctx context.Context, s streams, probe carrier, args []string) int {
	out := &output{w: s.out}
	s.out = out
	a := &app{streams: s, name: programName(args[0]), flags: kubectlFlags(), probe: probe}
	root := newRoot(a)
	root.SetArgs(arguments(args))
	err := root.ExecuteContext(ctx)
	if out.err == nil {
		return a.end(ctx, err)
	}
	if !errors.Is(err, out.err) {
		a.end(ctx, err)
	}
	return a.end(ctx, cannotRun(fmt.Errorf("writing to standard output: %w", out.err)))
}

// end says how a command ended, where that is still to be said, and returns
// its exit code.
func (a *app) end(ctx context.Context, err error) int {
	if err == nil {
		return 0
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = cannotRun(errors.New("interrupted"))
	}
	var e *exit
	if !errors.As(err, &e) {
		e = &exit{exitUsage, err} // cobra's own errors, and the tenancy's
	}
	if e.err != nil {
		say(a.err, a.name, e.err)
	}
	return e.code
}

// programName is how help and errors call the program: kubectl's plugins are
// called as kubectl's subcommands.
func programName(path string) string {
	if base := filepath.Base(path); strings.HasPrefix(base, "kubectl-") || strings.HasPrefix(base, completer) {
		return "kubectl partywall"
	}
	return "partywall"
}

// completer begins the name by which kubectl asks a plugin what may come next.
const completer = "kubectl_complete-"

// arguments are those after the program's path.
func arguments(args []string) []string {
	if strings.HasPrefix(filepath.Base(args[0]), completer) {
		return append([]string{cobra.ShellCompRequestCmd}, args[1:]...)
	}
	return args[1:]
}

// kubectlFlags are the flags by which kubectl finds its cluster. A namespace
// is none of them: the tenancy says which ones a run is about.
func kubectlFlags() *genericclioptions.ConfigFlags {
	flags := genericclioptions.NewConfigFlags(true)
	flags.Namespace = nil
	flags.CacheDir = nil
	return flags
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:         "partywall",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: a.name},
		Short:       "Prove that tenants on one cluster are walled off from each other",
		Long: "Partywall puts probe pods into every tenant's namespaces, tries every way from one tenant to another,\n" +
			"and reports which walls hold, with evidence from both sides.",
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		Args:                       knownCommand,
		PersistentPreRunE:          refuseEmpty,
		RunE:                       func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return seeHelp(c, err) })
	a.flags.AddFlags(root.PersistentFlags())
	completeConnection(root, a.flags)
	root.AddCommand(newRun(a), newPlan(a), newReport(a), newVerify(a), newDiff(a), newTrend(a), newDiscover(a), newInit(a), newSchema(a), newControls(a), newRoles(a), newClean(a), newImage(a), newWitness(a), newVersion(a))
	refuseUnknownShells(root)
	return root
}

func seeHelp(c *cobra.Command, err error) error {
	return fmt.Errorf("%w (see `%s --help`)", err, c.CommandPath())
}

func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf("; did you mean %q?", near[0])
	}
	return seeHelp(c, fmt.Errorf("there is no command %q%s", args[0], hint))
}

// noArgs refuses arguments, and says where the one that is tried most belongs.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if c.Flags().Lookup("filename") != nil {
		hint = "; a tenancy file is named by -f"
	}
	return seeHelp(c, fmt.Errorf("`%s` takes no arguments, but got %q%s", c.CommandPath(), args[0], hint))
}

// refuseEmpty refuses a flag of ours that is given without a value, as in
// -f "$FILE" where FILE is not set: it would count as not given at all, and
// the run would be another than the one that was meant.
func refuseEmpty(c *cobra.Command, _ []string) error {
	var err error
	c.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
		if value := f.Value.String(); err == nil && f.Changed && (value == "" || value == "[]") {
			err = seeHelp(c, fmt.Errorf("--%s is given without a value", f.Name))
		}
	})
	return err
}
