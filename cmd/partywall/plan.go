package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/partywall/partywall/suites"
)

func newPlan(s streams, flags *genericclioptions.ConfigFlags) *cobra.Command {
	t := &target{flags: flags}
	var output string
	c := &cobra.Command{
		Use:   "plan",
		Short: "List what a run would try, with what is expected of it",
		Args:  cobra.NoArgs,
		Example: "  partywall plan\n" +
			"  partywall plan -f tenancy.yaml --check udp\n" +
			"  partywall plan --only 'network/*/acme.*->globex.*'",
		RunE: func(c *cobra.Command, _ []string) error {
			if output != "" && output != "json" {
				return fmt.Errorf("-o: %q is no output format; there is: json", output)
			}
			p, err := t.plan(c.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return printPlanJSON(s.out, p.attempts)
			}
			return printPlan(s.out, p.attempts)
		},
	}
	t.addFlags(c.Flags())
	c.Flags().StringVarP(&output, "output", "o", "", "json for machines")
	return c
}

func printPlan(w io.Writer, attempts []suites.Attempt) error {
	for _, a := range attempts {
		line := fmt.Sprintf("%s\t%s", a.Expect, a.ID())
		if a.Skip != "" {
			line = fmt.Sprintf("skipped\t%s\t%s", a.ID(), a.Skip)
		} else if a.Reason != "" {
			line += "\t" + a.Reason
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

func printPlanJSON(w io.Writer, attempts []suites.Attempt) error {
	type row struct {
		ID       string             `json:"id"`
		Expect   suites.Expectation `json:"expect"`
		Severity string             `json:"severity"`
		Reason   string             `json:"reason,omitempty"`
		Skip     string             `json:"skip,omitempty"`
	}
	encoder := json.NewEncoder(w)
	for _, a := range attempts {
		if err := encoder.Encode(row{a.ID(), a.Expect, a.Severity.String(), a.Reason, a.Skip}); err != nil {
			return err
		}
	}
	return nil
}
