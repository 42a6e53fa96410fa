package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"

	"github.com/partywall/partywall/lab/cluster"
	"github.com/partywall/partywall/lab/outside"
	"github.com/partywall/partywall/lab/state"
	"github.com/partywall/partywall/lab/teardown"
)

// Status is what can be said about a lab.
type Status struct {
	Name string `json:"name"`
	// State is up, down, or broken: something of it exists, but not all.
	State string `json:"state"`
	// Why says what is wrong with a broken lab.
	Why string `json:"why,omitempty"`
	// Profile is what the lab was started with, where it is not down.
	Profile    state.Profile   `json:"profile,omitempty"`
	Kubeconfig string          `json:"kubeconfig,omitempty"`
	Server     string          `json:"server,omitempty"`
	Kubernetes string          `json:"kubernetes,omitempty"`
	Components map[string]bool `json:"components,omitempty"`
	// Outside are the hosts beyond the cluster, where they answer.
	Outside []outside.Host `json:"outside,omitempty"`
}

const (
	stateUp     = "up"
	stateDown   = "down"
	stateBroken = "broken"
)

func newStatus(streams Streams, o *options) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say whether the lab is up; exit non-zero where it is not",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			lab, err := o.lab()
			if err != nil {
				return err
			}
			if format != "text" && format != "json" {
				return fmt.Errorf("output %q: use text or json", format)
			}
			status, err := inspect(cmd.Context(), lab)
			if err != nil {
				return err
			}
			if err := status.print(streams, format); err != nil {
				return err
			}
			if status.State != stateUp {
				return fmt.Errorf("lab %s is %s", lab.Name, status.State)
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	return cmd
}

// inspect looks at the lab from outside, without changing anything.
func inspect(ctx context.Context, lab state.Lab) (Status, error) {
	status := Status{Name: lab.Name, State: stateDown}
	record, ok, err := lab.Load()
	if err != nil {
		return status, err
	}
	if !ok {
		things, err := teardown.Look(lab)
		if err == nil && len(things) > 0 {
			status.State, status.Why = stateBroken, "left from before: "+things[0]
		}
		return status, err
	}
	status.Profile = record.Profile
	status.Components = map[string]bool{"supervisor": record.Supervisor.Alive()}
	for name, identity := range record.Components {
		status.Components[name] = identity.Alive()
	}
	status.Kubeconfig = lab.Kubeconfig()
	if err := status.judge(ctx, lab, record); err != nil {
		status.State, status.Why = stateBroken, err.Error()
	} else {
		status.State = stateUp
	}
	return status, nil
}

func (s *Status) judge(ctx context.Context, lab state.Lab, record state.Record) error {
	if record.Ended != "" {
		return errors.New(record.Ended)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Components)) {
		if !s.Components[name] {
			return fmt.Errorf("%s has ended; its log is %s", name, lab.Log(name))
		}
	}
	if !record.Ready {
		return errors.New("it is starting")
	}
	config, err := cluster.Config(lab)
	if err != nil {
		return err
	}
	config.Timeout = 10 * time.Second
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	s.Server = config.Host
	version, err := client.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("asking the API server: %w", err)
	}
	s.Kubernetes = version.GitVersion
	if err := client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
		return fmt.Errorf("asking the API server: %w", err)
	}
	if _, err := outside.Read(ctx, lab, outside.Visits, math.MaxUint64); err != nil {
		return err
	}
	s.Outside = outside.Hosts()
	return nil
}

func (s *Status) print(streams Streams, format string) error {
	if format == "json" {
		encoder := json.NewEncoder(streams.Out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(s)
	}
	table := tabwriter.NewWriter(streams.Out, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(table, "%s\t%s\n", name, value)
		}
	}
	row("lab", s.Name)
	row("state", s.State)
	row("profile", string(s.Profile))
	row("kubernetes", s.Kubernetes)
	row("server", s.Server)
	row("kubeconfig", s.Kubeconfig)
	for _, name := range slices.Sorted(maps.Keys(s.Components)) {
		row("  "+name, map[bool]string{true: "running", false: "ended"}[s.Components[name]])
	}
	for _, host := range s.Outside {
		row("  "+host.Address, host.String())
	}
	if err := table.Flush(); err != nil || s.Why == "" {
		return err
	}
	_, err := fmt.Fprintf(streams.Out, "because: %s\n", s.Why)
	return err
}
