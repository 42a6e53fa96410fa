package cli

import (
	"github.com/spf13/cobra"

	"github.com/partywall/partywall/lab/hold"
)

func newHold(streams Streams, o *options) *cobra.Command {
	return &cobra.Command{
		Use:    "hold",
		Short:  "Keep a node's mount namespace (started by the supervisor)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			lab, err := o.lab()
			if err != nil {
				return err
			}
			return hold.Run(cmd.Context(), lab.Root, streams.Out)
		},
	}
}
