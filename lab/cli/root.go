package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/lab/state"
)

// Streams are where a command's results and its progress go.
type Streams struct{ Out, Err io.Writer }

// Run runs the command line.
func Run(ctx context.Context, streams Streams, args []string) error {
	root := newRoot(streams)
	root.SetArgs(args)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	return root.ExecuteContext(ctx)
}

// options are the flags that every command has.
type options struct {
	name        string
	source      string
	profileName string
}

func (o *options) lab() (state.Lab, error) { return state.Open(o.name) }

func newRoot(streams Streams) *cobra.Command {
	o := &options{}
	root := &cobra.Command{
		Use:           "lab",
		Short:         "A hermetic two-node Kubernetes on this machine, without Docker or a registry",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringVar(&o.name, "name", "default", "name of the lab")
	root.AddCommand(
		newBuild(streams, o), newUp(streams, o), newDown(streams, o), newStatus(streams, o), newKubeconfig(streams, o), newApply(streams, o),
		newRecords(streams, o), newSupervise(o), newHold(streams, o),
	)
	return root
}

func (o *options) addSource(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.source, "source", "lab", "folder of the lab's sources, where its components are pinned")
}

// sourceDir is absolute: the compiler runs in folders below it.
func (o *options) sourceDir() (string, error) { return filepath.Abs(o.source) }

func (o *options) addProfile(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.profileName, "profile", string(state.Default),
		fmt.Sprintf("what the lab is made of: %s, or %s for one with Istio", state.Default, state.Mesh))
}

func (o *options) profile() (state.Profile, error) { return state.ParseProfile(o.profileName) }
