package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/reports"
	"github.com/partywall/partywall/reports/controls"
)

func newControls(a *app) *cobra.Command {
	var framework, output string
	c := &cobra.Command{
		Use:   "controls",
		Short: "List the clauses of control frameworks, and which checks support them",
		Long: "Lists for each clause of PCI DSS, SOC 2, NIST SP 800-53 and others what it is about in our own words, how often\n" +
			"it wants evidence, and which checks support it. No check satisfies a clause: that is an auditor's to say. A clause\n" +
			"that no check supports is listed as not covered.",
		Args: noArgs,
		Example: fmt.Sprintf("  %[1]s controls --framework pci\n"+
			"  %[1]s controls -o json", a.name),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkOutput(c, output); err != nil {
				return err
			}
			list, err := frameworks(framework)
			if err != nil {
				return seeHelp(c, err)
			}
			if output == "json" {
				encoder := json.NewEncoder(a.out)
				encoder.SetIndent("", "  ")
				return encoder.Encode(list)
			}
			return printControls(a.out, list)
		},
	}
	addFramework(c, &framework, "only this framework: ")
	addOutput(c, &output, "json for machines")
	return c
}

// addFramework adds the flag that chooses a framework.
func addFramework(c *cobra.Command, id *string, usage string) {
	c.Flags().StringVar(id, "framework", "", usage+strings.Join(controls.IDs(), ", "))
	complete(c, "framework", controls.IDs()...)
}

// clausesIn gives the pages among the reports a section of the framework that is
// asked for, if any. Otherwise is what may be asked for beside a page.
func clausesIn(specs []reports.Spec, id, otherwise string) (*controls.Framework, error) {
	if id == "" {
		return nil, nil
	}
	f, err := controls.Find(id)
	if err != nil {
		return nil, fmt.Errorf("--framework: %w", err)
	}
	pages := 0
	for i := range specs {
		if _, is := specs[i].Format.(reports.HTML); is {
			specs[i].Format = reports.HTML{Framework: f}
			pages++
		}
	}
	if pages == 0 && (len(specs) > 0 || otherwise == "") {
		return nil, fmt.Errorf("--framework: of the reports, only html has a section of clauses; ask for one%s", otherwise)
	}
	return f, nil
}

// frameworks are all, or the one that is asked for.
func frameworks(id string) ([]controls.Framework, error) {
	if id == "" {
		return controls.All()
	}
	f, err := controls.Find(id)
	if err != nil {
		return nil, fmt.Errorf("--framework: %w", err)
	}
	return []controls.Framework{*f}, nil
}

func printControls(w io.Writer, list []controls.Framework) error {
	for i, f := range list {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s, %s\n", f.ID, f.Name, f.Edition)
		for _, clause := range f.Clauses {
			fmt.Fprintf(w, "  %s: %s\n    cadence: %s\n", clause.ID, clause.About, clause.Cadence)
			if len(clause.Checks) == 0 {
				fmt.Fprintln(w, "    not covered")
				continue
			}
			fmt.Fprintf(w, "    supported by: %s\n", strings.Join(clause.Checks, ", "))
			if clause.Needs != "" {
				fmt.Fprintf(w, "    needs besides: %s\n", clause.Needs)
			}
		}
	}
	return nil
}
