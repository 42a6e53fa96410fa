package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// version is this program's and its probe image's.
const version = "0.1.0"

// defaultImage is the probe that belongs to this program.
const defaultImage = "ghcr.io/partywall/probe:" + version

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of partywall and of its probe image",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.out, "partywall %s\nprobe image %s\n", version, defaultImage)
			return err
		},
	}
}
