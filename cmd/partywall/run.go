package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/partywall/partywall/reports"
	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/verdicts"
)

// running is the run command's own flags.
type running struct {
	target
	options         runner.Options
	reports         []string
	requireComplete bool
}

func newRun(s streams, flags *genericclioptions.ConfigFlags) *cobra.Command {
	o := &running{target: target{flags: flags}}
	c := &cobra.Command{
		Use:   "run",
		Short: "Try every way between the tenants and judge what comes of it",
		Long: "Puts probes into the tenants' namespaces, makes every attempt that `partywall plan` lists, judges them from\n" +
			"both sides, removes the probes, and writes the reports.\n\n" +
			"Exit codes: 0 every wall holds; 1 a leak at or above the threshold, or a broken crossing; 2 usage or a bad\n" +
			"tenancy file; 3 something is inconclusive or was not run; 4 nothing could be run.",
		Example: "  partywall run --context staging\n" +
			"  partywall run -f tenancy.yaml --report junit=junit.xml --report json=results.json",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), s) },
	}
	f := c.Flags()
	o.addFlags(f)
	f.StringArrayVar(&o.reports, "report", []string{"junit=out/junit.xml", "json=out/results.json"}, "FORMAT=PATH, repeatable; formats: "+strings.Join(reports.Formats(), ", "))
	f.BoolVar(&o.requireComplete, "require-complete", false, "exit with 3 also where the flags left something out")
	f.BoolVar(&o.options.Keep, "keep", false, "leave the probes in the cluster for a closer look; `partywall clean` removes them")
	f.StringVar(&o.options.Image, "probe-image", defaultImage, "image of the probe")
	f.DurationVar(&o.options.Deadline, "deadline", 3500*time.Millisecond, "least time for one attempt; less than the default leaves no room for lost packets")
	f.DurationVar(&o.options.DeployTimeout, "deploy-timeout", 2*time.Minute, "time for the probes of one namespace to be ready")
	f.DurationVar(&o.options.MaxDuration, "max-duration", time.Hour, "time after which the probes remove themselves")
	f.IntVar(&o.options.Rate, "rate", 500, "attempts a second from one node, at most")
	return c
}

func (o *running) check() ([]reports.Spec, error) {
	specs, err := reports.ParseSpecs(o.reports)
	if err != nil {
		return nil, err
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{{"--deadline", o.options.Deadline}, {"--deploy-timeout", o.options.DeployTimeout}, {"--max-duration", o.options.MaxDuration}} {
		if d.value < 100*time.Millisecond {
			return nil, fmt.Errorf("%s: %s is too short", d.flag, d.value)
		}
	}
	if o.options.Rate < 1 {
		return nil, fmt.Errorf("--rate: %d is not a number of attempts", o.options.Rate)
	}
	if o.options.Image == "" {
		return nil, fmt.Errorf("--probe-image: no image named")
	}
	return specs, nil
}

// run is the whole way, from the tenancy to the reports.
func (o *running) run(ctx context.Context, s streams) error {
	specs, err := o.check()
	if err != nil {
		return err
	}
	p, err := o.plan(ctx)
	if err != nil {
		return err
	}
	header, err := o.header(ctx, p)
	if err != nil {
		return cannotRun(err)
	}
	spool, err := openSpool(specs, header)
	if err != nil {
		return cannotRun(err)
	}
	defer spool.Close()
	evidence, err := o.gather(ctx, s, p, header.Run, spool)
	if err != nil {
		return cannotRun(err)
	}
	record := o.judge(p, header, evidence)
	return o.finish(s, specs, spool, record)
}

func (o *running) header(ctx context.Context, p *planned) (verdicts.Header, error) {
	h := verdicts.Header{
		APIVersion: reports.APIVersion, Kind: reports.Kind,
		Run: runner.NewID(), Version: version, Tenancy: p.tenancy.Name, Context: p.cluster.Context,
		Image: o.options.Image, Started: time.Now().UTC(), FailOn: p.tenancy.FailOn.String(),
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
func (o *running) gather(ctx context.Context, s streams, p *planned, id string, spool *reports.Spool) (*runner.Evidence, error) {
	progress := reports.NewProgress(s.err, isTerminal(s))
	defer progress.Close()
	options := o.options
	options.Progress = progress
	options.Observed = func(v any) { _ = spool.Observed(v) }
	options.Rerun = o.rerun(p)
	return runner.Run(ctx, p.cluster, p.tenancy, id, p.attempts, options)
}

// rerun makes the command line that shows an attempt again.
func (o *running) rerun(p *planned) func(string) string {
	command := programName() + " run --context " + quote(p.cluster.Context)
	if o.file != "" {
		command += " -f " + quote(o.file)
	}
	if o.options.Image != defaultImage {
		command += " --probe-image " + quote(o.options.Image)
	}
	return func(id string) string { return command + " --only " + quote(id) + " --keep" }
}

func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// judge turns the evidence into a record.
func (o *running) judge(p *planned, header verdicts.Header, e *runner.Evidence) *verdicts.Record {
	results, sensitivity, notes := verdicts.All(e.Cases, e.Controls, p.tenancy, time.Now())
	summary := verdicts.Summarise(results, time.Now().UTC())
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
	for _, left := range e.Left {
		summary.Notes = append(summary.Notes, "not cleaned up: "+left)
	}
	if o.options.Keep {
		summary.Notes = append(summary.Notes, fmt.Sprintf("the probes were kept; `%s clean --run %s` removes them", programName(), header.Run))
	}
	return &verdicts.Record{Header: header, Results: results, Summary: summary}
}

// finish writes the record everywhere and ends with its exit code.
func (o *running) finish(s streams, specs []reports.Spec, spool *reports.Spool, record *verdicts.Record) error {
	err := spoolRecord(spool, record)
	if writeErr := reports.WriteAll(specs, record); writeErr != nil {
		err = writeErr
	}
	options := reports.Options{}
	if f, ok := s.out.(*os.File); ok {
		options = reports.OptionsFor(f)
	}
	for _, print := range []func() error{
		func() error { return reports.Matrix(s.out, record, options) },
		func() error { return reports.Findings(s.out, record, options) },
	} {
		if printErr := print(); printErr != nil && err == nil {
			err = printErr
		}
	}
	if err != nil {
		return cannotRun(err)
	}
	for _, spec := range specs {
		fmt.Fprintf(s.err, "wrote %s\n", spec.Path)
	}
	if record.Summary.Exit != 0 {
		return &exit{code: record.Summary.Exit}
	}
	return nil
}

// openSpool starts the record on disk and puts partial reports in the place of
// older ones.
func openSpool(specs []reports.Spec, header verdicts.Header) (*reports.Spool, error) {
	path := "out/results.jsonl"
	for _, spec := range specs {
		if spec.Format.Name() == (reports.JSON{}).Name() {
			path = reports.SpoolPath(spec.Path)
		}
	}
	spool, err := reports.CreateSpool(path)
	if err != nil {
		return nil, err
	}
	if err := spool.Header(header); err != nil {
		return nil, err
	}
	return spool, reports.Begin(specs, header)
}

func spoolRecord(spool *reports.Spool, record *verdicts.Record) error {
	for _, r := range record.Results {
		if err := spool.Result(r); err != nil {
			return err
		}
	}
	return spool.Summary(record.Summary)
}

func isTerminal(s streams) bool {
	f, ok := s.err.(*os.File)
	return ok && reports.IsTerminal(f)
}
