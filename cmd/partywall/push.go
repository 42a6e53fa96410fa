package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/reports"
	"github.com/partywall/partywall/verdicts"
)

// pushing is the flag of a command that can push metrics.
type pushing struct {
	url     string
	gateway *reports.Gateway // once the flag was checked; nil where none is wanted
}

func (p *pushing) addFlags(c *cobra.Command) {
	c.Flags().StringVar(&p.url, "push", "", "URL of a Prometheus Pushgateway that gets the metrics of the run")
}

func (p *pushing) check() error {
	if p.url == "" {
		return nil
	}
	var err error
	if p.gateway, err = reports.ParseGateway(p.url); err != nil {
		return fmt.Errorf("--push: %w", err)
	}
	return nil
}

// push sends the metrics, also of a run that was interrupted, and says so.
func (p *pushing) push(ctx context.Context, say io.Writer, rec *verdicts.Record) error {
	if p.gateway == nil {
		return nil
	}
	if err := p.gateway.Push(context.WithoutCancel(ctx), rec); err != nil {
		return err
	}
	fmt.Fprintf(say, "pushed metrics to %s\n", p.gateway)
	return nil
}
