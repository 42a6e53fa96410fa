package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/lab/state"
	"github.com/partywall/partywall/lab/teardown"
)

func newDown(streams Streams, o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Remove the lab; say what is still there, if anything",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			lab, err := o.lab()
			if err != nil {
				return err
			}
			if err := requireRoot(); err != nil {
				return err
			}
			return down(cmd, streams, lab)
		},
	}
}

func down(cmd *cobra.Command, streams Streams, lab state.Lab) error {
	start := time.Now()
	// A start that is under way ends when its supervisor does, and lets go.
	if err := teardown.EndSupervisor(cmd.Context(), lab); err != nil {
		return err
	}
	lock, err := lab.Lock(cmd.Context())
	if err != nil {
		return err
	}
	defer lock.Release()
	if err := teardown.Remove(cmd.Context(), lab, false); err != nil {
		return err
	}
	if err := lock.Remove(); err != nil {
		return fmt.Errorf("removing the lock of lab %s: %w", lab.Name, err)
	}
	fmt.Fprintf(streams.Err, "lab %s: nothing of it is left (%.1f s)\n", lab.Name, time.Since(start).Seconds())
	return nil
}
