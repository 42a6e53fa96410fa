package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newKubeconfig(streams Streams, o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "kubeconfig",
		Short: "Print the path of the lab's kubeconfig",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			lab, err := o.lab()
			if err != nil {
				return err
			}
			record, ok, err := lab.Load()
			if err != nil {
				return err
			}
			if !ok || !record.Ready {
				return fmt.Errorf("lab %s is not up: start it with make lab-up", lab.Name)
			}
			_, err = fmt.Fprintln(streams.Out, lab.Kubeconfig())
			return err
		},
	}
}
