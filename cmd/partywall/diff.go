package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/reports"
	"github.com/partywall/partywall/verdicts"
)

// failOnRegression is the one thing that an exit code may go by, beside the
// verdicts themselves.
const failOnRegression = "regression"

// diffing is the diff command's own flags.
type diffing struct {
	*app
	output, failOn string
}

func newDiff(a *app) *cobra.Command {
	o := &diffing{app: a}
	c := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Show what changed from one run to a later one",
		Long: "Holds the results of a run against those of an earlier one: what leaks now, what is broken, what has lost its\n" +
			"evidence, what is as it should be again, what is new. It needs no cluster.\n\n" +
			"Exit codes: 0, whatever changed; with --fail-on regression, 1 where anything fails that did not, or has no evidence\n" +
			"any more, and 3 where the later run has attempts without evidence or is incomplete; 2 usage, or two files that\n" +
			"should not be held against each other.",
		Example: fmt.Sprintf("  %[1]s diff yesterday/results.json today/results.json\n"+
			"  %[1]s diff --fail-on regression accepted.json out/results.json", a.name),
		Args: twoRecords,
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args[0], args[1]) },
	}
	addOutput(c, &o.output, "json for machines")
	addFailOn(c, &o.failOn)
	return c
}

func addFailOn(c *cobra.Command, failOn *string) {
	c.Flags().StringVar(failOn, "fail-on", "", "regression: the exit code goes by what is worse than before, and what has no evidence")
	complete(c, "fail-on", failOnRegression)
}

func checkFailOn(c *cobra.Command, failOn string) error {
	if failOn == "" || failOn == failOnRegression {
		return nil
	}
	return seeHelp(c, fmt.Errorf("--fail-on: %q is nothing to fail on; there is: %s", failOn, failOnRegression))
}

func twoRecords(c *cobra.Command, args []string) error {
	if len(args) == 2 {
		return nil
	}
	return seeHelp(c, fmt.Errorf("`%s` takes two files of results, the earlier and the later, but got %d", c.CommandPath(), len(args)))
}

func (o *diffing) run(c *cobra.Command, before, now string) error {
	if err := errors.Join(checkOutput(c, o.output), checkFailOn(c, o.failOn)); err != nil {
		return err
	}
	d, err := driftOf(before, now)
	if err != nil {
		return err
	}
	end := o.end(d)
	if o.output == "json" {
		err = reports.DriftJSON(o.out, d, exitOf(end))
	} else {
		err = reports.Drift(o.out, d, terminalOf(o.out))
	}
	return errors.Join(err, end)
}

// driftOf holds two files of results against each other.
func driftOf(before, now string) (*verdicts.Drift, error) {
	past, err := remember(before)
	if err != nil {
		return nil, err
	}
	later, err := reports.Open(now)
	if err != nil {
		return nil, err
	}
	defer later.Close()
	return past.Against(&later.Record)
}

// remember reads the results that others will be held against.
func remember(path string) (*verdicts.Past, error) {
	saved, err := reports.Open(path)
	if err != nil {
		return nil, err
	}
	defer saved.Close()
	return verdicts.Remember(&saved.Record)
}

// end is how the command ends, as far as the differences decide.
func (o *diffing) end(d *verdicts.Drift) error {
	switch {
	case o.failOn == "":
		return nil
	case len(d.Apart) > 0:
		return apart(d.Apart)
	case d.Exit() != verdicts.ExitPass:
		return &exit{code: d.Exit()}
	}
	return nil
}

// apart refuses to let an exit code go by two runs that are not one after the
// other of one thing: what is known of another cluster excuses nothing here.
func apart(why []string) error {
	return fmt.Errorf("--fail-on: the two runs should not be held against each other: %s; leave --fail-on out to see what differs all the same",
		strings.Join(why, "; "))
}

func exitOf(err error) int {
	var e *exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.code
	}
	return exitUsage
}
