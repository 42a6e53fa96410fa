package main

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/reports"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

func newPlan(a *app) *cobra.Command {
	t := &target{app: a}
	var output string
	c := &cobra.Command{
		Use:   "plan",
		Short: "List what a run would try, with what is expected of it",
		Long: "Lists what `" + a.name + " run` would try with the same flags, an attempt a line: what is expected of it, its id\n" +
			"and, where there is one, the reason, with tabs between them. It changes nothing in the cluster.",
		Args: noArgs,
		Example: fmt.Sprintf("  %[1]s plan\n"+
			"  %[1]s plan -f tenancy.yaml --check udp\n"+
			"  %[1]s plan --only 'network/*/acme.*->globex.*'", a.name),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkOutput(c, output); err != nil {
				return err
			}
			p, err := t.plan(c.Context())
			if err != nil {
				return err
			}
			printNotes(a.err, p.tenancy, p.file != nil)
			if output == "json" {
				return printPlanJSON(a.out, p.plan.All())
			}
			return printPlan(a.out, p.plan.All())
		},
	}
	t.addFlags(c)
	addOutput(c, &output, "json for machines, an object a line")
	return c
}

// printNotes says beside the plan what a run's report would say of the tenancy.
func printNotes(w io.Writer, t *tenancy.Tenancy, file bool) {
	printEach(w, t.Untried)
	printEach(w, t.Notes)
	if len(t.Unclaimed) == 0 {
		return
	}
	consequence := ""
	if file {
		consequence = ", which makes a run partial unless ignoreNamespaces names them"
	}
	fmt.Fprintf(w, "note: no tenant claims these namespaces%s: %s\n", consequence, strings.Join(t.Unclaimed, ", "))
}

func printEach(w io.Writer, notes []string) {
	for _, note := range notes {
		fmt.Fprintf(w, "note: %s\n", reports.Harmless(note))
	}
}

func printPlan(w io.Writer, attempts iter.Seq[suites.Attempt]) error {
	for a := range attempts {
		expect, reason := string(a.Expect), a.Reason
		if a.Skip != "" {
			expect, reason = "skipped", a.Skip
		}
		line := expect + "\t" + a.ID()
		if reason != "" {
			line += "\t" + reports.Harmless(reason)
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

func printPlanJSON(w io.Writer, attempts iter.Seq[suites.Attempt]) error {
	type row struct {
		ID       string             `json:"id"`
		Expect   suites.Expectation `json:"expect"`
		Severity string             `json:"severity"`
		Reason   string             `json:"reason,omitempty"`
		Skip     string             `json:"skip,omitempty"`
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // the arrow in an id should be found by grep
	for a := range attempts {
		if err := encoder.Encode(row{a.ID(), a.Expect, a.Severity.String(), a.Reason, a.Skip}); err != nil {
			return err
		}
	}
	return nil
}
