package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/klog/v2"

	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/suites/network"
	"github.com/partywall/partywall/tenancy"
)

// The exit codes beside those of a verdict (verdicts.Exit…).
const (
	exitUsage     = 2 // usage, or a bad tenancy file
	exitCannotRun = 4 // the run could not start at all
)

// registry is the suites that this program knows.
var registry = suites.Registry{network.Suite{}}

type streams struct {
	out, err io.Writer
}

// exit is an error that has its exit code with it. Without one, it is a
// verdict: everything was said already.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

func cannotRun(err error) error {
	var bad tenancy.Errors
	if errors.As(err, &bad) {
		return err
	}
	return &exit{exitCannotRun, err}
}

// execute runs the command line and returns its exit code.
func execute(ctx context.Context, s streams, args []string) int {
	// client-go logs of its own accord; what matters of it comes back as an
	// error and is said once.
	klog.SetLogger(logr.Discard())
	root := newRoot(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var e *exit
	if !errors.As(err, &e) {
		e = &exit{exitUsage, err} // cobra's own errors, and the tenancy's
	}
	if e.err != nil {
		fmt.Fprintf(s.err, "%s: %v\n", root.Name(), indent(e.err))
	}
	return e.code
}

// indent keeps several errors apart that were found at the same time.
func indent(err error) string {
	text := err.Error()
	if strings.Contains(text, "\n") {
		text = "\n  " + strings.ReplaceAll(text, "\n", "\n  ")
	}
	return text
}

func newRoot(s streams) *cobra.Command {
	flags := genericclioptions.NewConfigFlags(true)
	root := &cobra.Command{
		Use:   programName(),
		Short: "Prove that tenants on one cluster are walled off from each other",
		Long: "Partywall puts probe pods into every tenant's namespaces, tries every way from one tenant to another,\n" +
			"and reports which walls hold, with evidence from both sides.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetOut(s.out)
	root.SetErr(s.err)
	flags.AddFlags(root.PersistentFlags())
	root.AddCommand(newRun(s, flags), newPlan(s, flags), newClean(s, flags), newVersion(s))
	return root
}

// programName is how help and errors call the program: kubectl's plugins are
// called as kubectl's subcommands.
func programName() string {
	if strings.HasPrefix(filepath.Base(os.Args[0]), "kubectl-") {
		return "kubectl partywall"
	}
	return "partywall"
}
