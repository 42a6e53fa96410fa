package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/reports"
	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
)

// running is the run command's own flags.
type running struct {
	target
	options         runner.Options
	reports         []string
	requireComplete bool
}

func newRun(a *app) *cobra.Command {
	o := &running{target: target{app: a}}
	c := &cobra.Command{
		Use:   "run",
		Short: "Try every way between the tenants and judge what comes of it",
		Long: "Puts probes into the tenants' namespaces, makes every attempt that `" + a.name + " plan` lists, judges them from\n" +
			"both sides, removes the probes, and writes the reports.\n\n" +
			"Exit codes: 0 every wall holds; 1 a leak at or above the threshold, or a broken crossing; 2 usage or a bad\n" +
			"tenancy file; 3 something is inconclusive or was not run; 4 nothing could be run.",
		Example: fmt.Sprintf("  %[1]s run --context staging\n"+
			"  %[1]s run -f tenancy.yaml --report junit=junit.xml --report json=results.json", a.name),
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	o.addFlags(c)
	f := c.Flags()
	f.StringArrayVar(&o.reports, "report", []string{"junit=out/junit.xml", "json=out/results.json"}, "FORMAT=PATH, repeatable; formats: "+strings.Join(reports.Formats(), ", "))
	_ = c.RegisterFlagCompletionFunc("report", completeReport) // fails for unknown flags only
	f.BoolVar(&o.requireComplete, "require-complete", false, "exit with 3 also where the flags left something out")
	f.BoolVar(&o.options.Keep, "keep", false, "leave the probes in the cluster for a closer look; `clean` removes them")
	f.StringVar(&o.options.Image, "probe-image", defaultImage, "image of the probe")
	f.DurationVar(&o.options.Deadline, "deadline", 3500*time.Millisecond, "least time for one attempt; less than the default leaves no room for lost packets")
	f.DurationVar(&o.options.DeployTimeout, "deploy-timeout", 2*time.Minute, "time for the probes of one namespace to be ready")
	f.DurationVar(&o.options.MaxDuration, "max-duration", time.Hour, "time after which the probes remove themselves")
	f.IntVar(&o.options.Rate, "rate", 500, "attempts a second from one node, at most")
	return c
}

// check refuses what cannot be meant, before anything else is done.
func (o *running) check() ([]reports.Spec, error) {
	specs, err := reports.ParseSpecs(o.reports)
	if err != nil {
		return nil, fmt.Errorf("--report: %w", err)
	}
	if err := o.checkPlaces(specs); err != nil {
		return nil, err
	}
	for _, d := range []struct {
		flag         string
		value, least time.Duration
	}{
		{"--deadline", o.options.Deadline, 100 * time.Millisecond},
		{"--deploy-timeout", o.options.DeployTimeout, time.Second},
		{"--max-duration", o.options.MaxDuration, time.Minute},
	} {
		if d.value < d.least {
			return nil, fmt.Errorf("%s: %s is too short; the least is %s", d.flag, d.value, d.least)
		}
	}
	if o.options.Rate < 1 {
		return nil, fmt.Errorf("--rate: %d attempts a second are none; the least is 1", o.options.Rate)
	}
	return specs, nil
}

// run is the whole way, from the tenancy to the reports.
func (o *running) run(c *cobra.Command) error {
	ctx := c.Context()
	specs, err := o.check()
	if err != nil {
		return err
	}
	id, now := runner.NewID(), time.Now().UTC()
	spool, err := openSpool(specs, id, now)
	if err != nil {
		return err
	}
	defer func() { _ = spool.Close() }() // its summary, the last line, is synced when it is written
	p, err := o.plan(ctx)
	if err != nil {
		return err
	}
	if err := refuseIdle(p.attempts); err != nil {
		return err
	}
	header, err := o.header(ctx, p, id, now)
	if err != nil {
		return unanswered(p.cluster, err)
	}
	if err := begin(spool, specs, header); err != nil {
		return cannotRun(err)
	}
	evidence, err := o.gather(ctx, p, header.Run, spool, rerun(o.name, c.Flags(), p.context))
	if err != nil {
		return unanswered(p.cluster, err)
	}
	return o.finish(specs, spool, o.judge(p, header, evidence))
}

// refuseIdle refuses a plan of which nothing would be tried: it would end as
// if nothing had been found.
func refuseIdle(attempts []suites.Attempt) error {
	why := ""
	for _, a := range attempts {
		if a.Skip == "" {
			return nil
		}
		why = a.Skip
	}
	return fmt.Errorf("nothing would be tried: all attempts that are selected (%d) are skipped: %s", len(attempts), why)
}

func (o *running) header(ctx context.Context, p *planned, id string, now time.Time) (verdicts.Header, error) {
	h := verdicts.Header{
		APIVersion: reports.APIVersion, Kind: reports.Kind,
		Run: id, Version: version, Tenancy: p.tenancy.Name, Context: p.cluster.Context,
		Image: o.options.Image, Started: now, FailOn: p.tenancy.FailOn.String(),
		Ignored: p.tenancy.Ignored, Unclaimed: p.tenancy.Unclaimed,
		Planned: len(p.attempts), Filters: o.selection.Flags(),
	}
	for _, t := range p.tenancy.Tenants {
		h.Tenants = append(h.Tenants, verdicts.TenantRow{Name: t.Name, Namespaces: t.Namespaces})
	}
	for _, shared := range p.tenancy.Shared {
		h.Shared = append(h.Shared, shared.Name)
	}
	var err error
	if h.Identity, err = p.cluster.Identity(ctx); err != nil {
		return h, err
	}
	h.Server, err = p.cluster.Version()
	return h, err
}

// gather runs the plan and spools what is seen.
func (o *running) gather(ctx context.Context, p *planned, id string, spool *reports.Spool, rerun func(string) string) (*runner.Evidence, error) {
	watched, ok := fileOf(o.err)
	progress := reports.NewProgress(o.err, ok && reports.IsTerminal(watched))
	defer progress.Close()
	options := o.options
	options.Progress = progress
	options.Observed = func(v any) { _ = spool.Observed(v) } // the spool keeps its first error and tells it at the end
	options.Rerun = rerun
	return runner.Run(ctx, p.cluster, p.tenancy, id, p.attempts, options)
}

// judge turns the evidence into a record.
func (o *running) judge(p *planned, header verdicts.Header, e *runner.Evidence) *verdicts.Record {
	now := time.Now().UTC()
	results, sensitivity, notes := verdicts.All(e.Cases, e.Controls, p.tenancy, now)
	summary := verdicts.Summarise(results, now)
	summary.Sensitivity = sensitivity
	summary.Notes = append(append(append([]string{}, p.tenancy.Notes...), e.Notes...), notes...)
	if e.Interrupted {
		summary.Unfinished("the run was interrupted before its end")
	}
	if p.file && len(p.tenancy.Unclaimed) > 0 {
		summary.Unfinished("no tenant claims these namespaces, and the tenancy file does not ignore them: %s", strings.Join(p.tenancy.Unclaimed, ", "))
	}
	if left := p.whole - len(p.attempts); left > 0 {
		leave := summary.LeftOut
		if o.requireComplete {
			leave = summary.Unfinished
		}
		leave("%d of %d attempts were left out by %s", left, p.whole, strings.Join(header.Filters, " "))
	}
	if note := verdicts.Unfailing(results, p.tenancy); note != "" {
		summary.Notes = append(summary.Notes, note)
	}
	summary.Notes = append(summary.Notes, verdicts.Exceptions(results, p.tenancy, !summary.Partial, now)...)
	for _, left := range e.Left {
		summary.Notes = append(summary.Notes, "not cleaned up: "+left)
	}
	if o.options.Keep {
		summary.Notes = append(summary.Notes, fmt.Sprintf("the probes were kept; `%s clean --run %s` removes them", o.name, header.Run))
	}
	return &verdicts.Record{Header: header, Results: results, Summary: summary}
}

// finish writes the record everywhere and ends with its exit code.
func (o *running) finish(specs []reports.Spec, spool *reports.Spool, record *verdicts.Record) error {
	people := o.people(specs)
	options := reports.Options{}
	if f, ok := fileOf(people); ok {
		options = reports.OptionsFor(f)
	}
	err := errors.Join(spoolRecord(spool, record), reports.WriteAll(specs, record))
	for _, print := range []func(io.Writer, *verdicts.Record, reports.Options) error{reports.Matrix, reports.Findings} {
		if printErr := print(people, record, options); err == nil {
			err = printErr
		}
	}
	if err != nil {
		return cannotRun(err)
	}
	for _, spec := range specs {
		if holdsFile(spec.Path) {
			fmt.Fprintf(o.err, "wrote %s\n", spec.Path)
		}
	}
	if record.Summary.Exit != 0 {
		return &exit{code: record.Summary.Exit}
	}
	return nil
}

// people is where the matrix and the findings go: never into a report that the
// user sends to standard output.
func (o *running) people(specs []reports.Spec) io.Writer {
	out, ok := fileOf(o.out)
	if !ok {
		return o.out
	}
	taken, err := out.Stat()
	if err != nil {
		return o.out
	}
	for _, spec := range specs {
		if report, err := os.Stat(spec.Path); err == nil && os.SameFile(report, taken) {
			return o.err
		}
	}
	return o.out
}
