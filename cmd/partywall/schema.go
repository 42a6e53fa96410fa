package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/tenancy"
)

func newSchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the tenancy file, for editors",
		Long: "Prints the JSON Schema (draft 2020-12) of the tenancy file. An editor that knows it completes the fields and marks\n" +
			"what is wrong with a value; `" + a.name + " plan` also sees what takes the whole file and the cluster.",
		Args:    noArgs,
		Example: fmt.Sprintf("  %s schema > tenancy.schema.json", a.name),
		RunE: func(*cobra.Command, []string) error {
			_, err := a.out.Write(tenancy.Schema)
			return err
		},
	}
}
