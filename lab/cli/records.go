package cli

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/lab/outside"
)

func newRecords(streams Streams, o *options) *cobra.Command {
	var since uint64
	cmd := &cobra.Command{
		Use:       "records " + outside.Questions + "|" + outside.Visits,
		Short:     "Print as JSON what the hosts outside the cluster have seen",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{outside.Questions, outside.Visits},
		RunE: func(cmd *cobra.Command, args []string) error {
			lab, err := o.lab()
			if err != nil {
				return err
			}
			page, err := outside.Read(cmd.Context(), lab, args[0], since)
			if err != nil {
				return err
			}
			encoder := json.NewEncoder(streams.Out)
			encoder.SetIndent("", "  ")
			return encoder.Encode(page)
		},
	}
	cmd.Flags().Uint64Var(&since, "since", 0, "only what came after the entry of this number")
	return cmd
}
