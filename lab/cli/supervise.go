package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/lab/cluster"
	"github.com/partywall/partywall/lab/processes"
	"github.com/partywall/partywall/lab/state"
	"github.com/partywall/partywall/lab/teardown"
)

// message is what the supervisor tells the command that started it.
type message struct {
	Progress string `json:"progress,omitempty"`
	Error    string `json:"error,omitempty"`
	Ready    bool   `json:"ready,omitempty"`
}

// reportsFD is the descriptor that messages go to. It is not standard output:
// writing there after the reader has gone would end the process.
const reportsFD = 3

// begin is what the supervisor waits for before it makes anything.
const begin = '\n'

func newSupervise(o *options) *cobra.Command {
	var archives []string
	var dualStack bool
	cmd := &cobra.Command{
		Use:    "supervise",
		Short:  "Own the lab's processes (started by lab up)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			lab, err := o.lab()
			if err != nil {
				return err
			}
			lab.DualStack = dualStack
			profile, err := o.profile()
			if err != nil {
				return err
			}
			return supervise(cmd.Context(), lab, profile, archives)
		},
	}
	o.addProfile(cmd)
	cmd.Flags().StringArrayVar(&archives, "archive", nil, "image archive for every node")
	cmd.Flags().BoolVar(&dualStack, "dual-stack", false, "addresses of both families")
	return cmd
}

// supervise starts the lab, keeps it until the context ends or a component
// does, and then ends all of its processes.
func supervise(ctx context.Context, lab state.Lab, profile state.Profile, archives []string) error {
	if _, err := io.ReadFull(os.Stdin, make([]byte, 1)); err != nil {
		return fmt.Errorf("waiting for the word to begin: %w", err)
	}
	life, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	family := processes.NewFamily()
	// Orphans are reaped until the very end, also while everything is ended.
	if err := family.TakeInOrphans(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	reports := os.NewFile(reportsFD, "reports")
	tell := func(m message) { _ = json.NewEncoder(reports).Encode(m) }
	ready := make(chan struct{})
	go watchStarter(ready, stop)
	c := cluster.New(lab, profile, family, archives, func(text string) { tell(message{Progress: text}) }, stop)
	err := c.Start(life)
	if err != nil {
		tell(message{Error: err.Error()})
	} else {
		close(ready)
		tell(message{Ready: true})
		<-life.Done()
		err = context.Cause(life)
		err = errors.Join(err, c.NoteEnd(err))
	}
	_ = reports.Close()
	return errors.Join(err, teardown.KillAll(context.WithoutCancel(ctx), lab))
}

// watchStarter gives up a start that nobody waits for any more: the command
// that asked for it holds the other end of standard input.
func watchStarter(ready <-chan struct{}, stop context.CancelCauseFunc) {
	_, _ = io.Copy(io.Discard, os.Stdin)
	select {
	case <-ready:
	default:
		stop(errors.New("the command that started the lab has ended"))
	}
}
