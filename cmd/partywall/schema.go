package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/reports"
	"github.com/partywall/partywall/tenancy"
)

// What there is a schema of.
const (
	schemaTenancy = "tenancy"
	schemaResults = "results"
)

func newSchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema [tenancy | results]",
		Short: "Print the JSON Schema of the tenancy file, for editors, or of results.json",
		Long: "Prints a JSON Schema (draft 2020-12): of the tenancy file, if nothing else is asked for, or of results.json. An\n" +
			"editor that knows the first completes the fields and marks what is wrong with a value; `" + a.name + " plan` also\n" +
			"sees what takes the whole file and the cluster.",
		Args:      schemaArgs,
		ValidArgs: []string{schemaTenancy, schemaResults},
		Example: fmt.Sprintf("  %[1]s schema > tenancy.schema.json\n"+
			"  %[1]s schema results > results.schema.json", a.name),
		RunE: func(_ *cobra.Command, args []string) error {
			schema := tenancy.Schema
			if len(args) == 1 && args[0] == schemaResults {
				schema = reports.Schema
			}
			_, err := a.out.Write(schema)
			return err
		},
	}
}

func schemaArgs(c *cobra.Command, args []string) error {
	switch {
	case len(args) > 1:
		return seeHelp(c, fmt.Errorf("`%s` takes one argument, but got %d", c.CommandPath(), len(args)))
	case len(args) == 1 && args[0] != schemaTenancy && args[0] != schemaResults:
		return seeHelp(c, fmt.Errorf("there is no schema of %q; there is: %s, %s", args[0], schemaTenancy, schemaResults))
	}
	return nil
}
