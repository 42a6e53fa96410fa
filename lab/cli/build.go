package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/lab/build"
	"github.com/partywall/partywall/lab/state"
)

func newBuild(streams Streams, o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Compile the lab's components where they are missing or out of date",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			lab, err := o.lab()
			if err != nil {
				return err
			}
			profile, err := o.profile()
			if err != nil {
				return err
			}
			return o.build(cmd.Context(), streams, lab, profile)
		},
	}
	o.addSource(cmd)
	o.addProfile(cmd)
	return cmd
}

func (o *options) build(ctx context.Context, streams Streams, lab state.Lab, profile state.Profile) error {
	source, err := o.sourceDir()
	if err != nil {
		return err
	}
	return build.Builder{Source: source, Lab: lab, Profile: profile, Progress: streams.Err}.All(ctx)
}
