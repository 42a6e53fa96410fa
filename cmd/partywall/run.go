package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/bundle"
	"github.com/partywall/partywall/reports"
	"github.com/partywall/partywall/runner"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/verdicts"
	"github.com/partywall/partywall/witness"
)

// running is the run command's own flags.
type running struct {
	target
	options         runner.Options
	reports         []string
	requireComplete bool
	witnessKey      string
	baseline        baseline
	bundle          bundling
	push            pushing
	framework       string
}

func newRun(a *app) *cobra.Command {
	o := &running{target: target{app: a}}
	c := &cobra.Command{
		Use:   "run",
		Short: "Try every way between the tenants and judge what comes of it",
		Long: "Puts probes into the tenants' namespaces, makes every attempt that `" + a.name + " plan` lists, judges them from\n" +
			"both sides, removes the probes, and writes the reports.\n\n" +
			"Exit codes: 0 every wall holds; 1 a leak at or above the threshold, or a broken crossing; 2 usage or a bad\n" +
			"tenancy file; 3 something is inconclusive or was not run; 4 nothing could be run. With --fail-on regression, 1 is for\n" +
			"what is worse than in the results of --baseline alone; what is inconclusive or was not run still ends with 3.",
		Example: fmt.Sprintf("  %[1]s run --context staging\n"+
			"  %[1]s run -f tenancy.yaml --report junit=junit.xml --report json=results.json", a.name),
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkFailOn(c, o.baseline.failOn); err != nil {
				return err
			}
			return o.run(c)
		},
	}
	o.addFlags(c)
	f := c.Flags()
	addReports(c, &o.reports, []string{"junit=out/junit.xml", "json=out/results.json"})
	o.bundle.addFlags(c)
	o.push.addFlags(c)
	addFramework(c, &o.framework, "what the run has to say to the clauses of this framework, in the html report: ")
	f.BoolVar(&o.requireComplete, "require-complete", false, "exit with 3 also where the flags left something out")
	f.StringVar(&o.witnessKey, "witness-key", "", "file with the key of the witness that the tenancy file names")
	_ = c.MarkFlagFilename("witness-key") // fails for unknown flags only
	f.StringVar(&o.baseline.path, "baseline", "", "results of an earlier run to hold this one against")
	_ = c.MarkFlagFilename("baseline", "json", "jsonl") // fails for unknown flags only
	addFailOn(c, &o.baseline.failOn)
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
	if err := o.push.check(); err != nil {
		return nil, err
	}
	if _, err := clausesIn(specs, o.framework, ""); err != nil {
		return nil, err
	}
	if specs, err = o.bundle.with(specs); err != nil {
		return nil, err
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
	return specs, o.baseline.read()
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
	if err := refuseIdle(p.plan); err != nil {
		return err
	}
	if err := o.findWitness(p); err != nil {
		return err
	}
	header, err := o.header(ctx, p, id, now)
	if err != nil {
		return unanswered(p.cluster, err)
	}
	if err := o.baseline.check(header); err != nil {
		return err
	}
	if err := begin(spool, specs, header); err != nil {
		return cannotRun(err)
	}
	judging := verdicts.NewJudging(p.tenancy, now)
	outcome, err := o.gather(ctx, p, header.Run, spool, judging, rerun(o.name, c.Flags(), p.context))
	if err != nil {
		return unanswered(p.cluster, err)
	}
	o.bundleWith(p, specs, outcome)
	record := o.conclude(p, header, spool.Results(judging.Sensitivity()), judging, outcome)
	drift, unheld := o.baseline.against(record)
	ended := o.finish(ctx, specs, spool, record)
	if unheld != nil {
		return errors.Join(unheld, ended)
	}
	return o.end(specs, drift, ended)
}

// findWitness makes the client by which the run asks the witness, where there
// is one.
func (o *running) findWitness(p *planned) error {
	file := p.tenancy.Promises.Egress.Witness
	if file == nil {
		return nil // nothing tries one, which a plan need not be gone through for
	}
	if o.witnessKey != "" {
		key, err := witness.ReadKey(o.witnessKey)
		if err != nil {
			return fmt.Errorf("--witness-key: %w", err)
		}
		client, err := witness.NewClient(file.Control, key)
		if err != nil {
			return cannotRun(err)
		}
		o.options.Witness = client
	}
	return runner.CheckWitness(p.tenancy, p.plan.All(), o.options.Witness)
}

// refuseIdle refuses a plan of which nothing would be tried: it would end as
// if nothing had been found.
func refuseIdle(plan *suites.Plan) error {
	why := ""
	for a := range plan.All() {
		if a.Skip == "" {
			return nil
		}
		why = a.Skip
	}
	return fmt.Errorf("nothing would be tried: all attempts that are selected (%d) are skipped: %s", plan.Len(), why)
}

func (o *running) header(ctx context.Context, p *planned, id string, now time.Time) (verdicts.Header, error) {
	h := verdicts.Header{
		APIVersion: reports.APIVersion, Kind: reports.Kind,
		Run: id, Version: version, Tenancy: p.tenancy.Name, Context: p.cluster.Context,
		Image: o.options.Image, Started: now, FailOn: p.tenancy.FailOn.String(),
		Ignored: p.tenancy.Ignored, Unclaimed: p.tenancy.Unclaimed,
		Planned: p.plan.Len(), Filters: o.selection.Flags(),
	}
	if p.file != nil {
		h.File = &verdicts.File{Path: p.tenancy.Path, Line: p.tenancy.Places.Tenants}
	}
	for _, t := range p.tenancy.Tenants {
		row := rowOf(t)
		row.Line = p.tenancy.Places.Tenant[t.Name]
		h.Tenants = append(h.Tenants, row)
	}
	for _, shared := range p.tenancy.Shared {
		h.Shared = append(h.Shared, shared.Name)
	}
	var err error
	if h.Identity, err = p.cluster.Identity(ctx); err != nil {
		return h, err
	}
	h.Components = p.cluster.Components(ctx)
	h.Server, err = p.cluster.Version()
	return h, err
}

// gather runs the plan and spools what is seen, and what is judged of it.
func (o *running) gather(ctx context.Context, p *planned, id string, spool *reports.Spool, judging *verdicts.Judging, rerun func(string) string) (*runner.Outcome, error) {
	watched, ok := fileOf(o.err)
	progress := reports.NewProgress(o.err, ok && reports.IsTerminal(watched))
	defer progress.Close()
	options := o.options
	options.Progress = progress
	options.Observed = func(v any) { _ = spool.Observed(v) } // the spool keeps its first error and tells it at the end
	options.Rerun = rerun
	judge := func(cases iter.Seq[verdicts.Case], controls []verdicts.Case) {
		for r := range judging.Part(cases, controls) {
			_ = spool.Result(r) // likewise
		}
	}
	return runner.Run(ctx, p.cluster, p.tenancy, id, p.plan.Parts(), judge, options)
}

// bundleWith puts into the bundle what the run went by and what it saw.
func (o *running) bundleWith(p *planned, specs []reports.Spec, outcome *runner.Outcome) {
	o.bundle.keep(copied("observations.jsonl", spoolPath(specs)), bundle.File{
		Name: "plan.json", Write: func(w io.Writer) error { return printPlanJSON(w, p.plan.All()) },
	})
	if p.file != nil {
		o.bundle.keep(bundle.File{Name: "tenancy.yaml", Write: func(w io.Writer) error {
			_, err := w.Write(p.file.Text)
			return err
		}})
	}
	o.bundle.keep(policyFiles(outcome.Read)...)
}

// conclude makes the record of a run of its results, and of what else there is
// to say of it.
func (o *running) conclude(p *planned, header verdicts.Header, results verdicts.Results, judging *verdicts.Judging, e *runner.Outcome) *verdicts.Record {
	now := time.Now().UTC()
	summary := verdicts.Summarise(results, now)
	summary.Sensitivity, summary.Policies = judging.Sensitivity(), e.Policies
	summary.Notes = slices.Concat(p.tenancy.Notes, e.Notes, judging.Notes())
	if e.Interrupted {
		summary.Unfinished("the run was interrupted before its end")
	}
	if kept, planned := results.Len(), p.plan.Len(); kept < planned {
		summary.Unfinished("%d of %d results could not be written down", planned-kept, planned)
	}
	if e.TooLate > 0 {
		summary.Unfinished("%d arrivals at targets came after their attempts had been judged, so that a leak may be missing", e.TooLate)
	}
	if p.file != nil && len(p.tenancy.Unclaimed) > 0 {
		summary.Unfinished("no tenant claims these namespaces, and the tenancy file does not ignore them: %s", strings.Join(p.tenancy.Unclaimed, ", "))
	}
	leave := summary.LeftOut
	if o.requireComplete {
		leave = summary.Unfinished
	}
	for _, untried := range p.tenancy.Untried {
		leave("%s", untried)
	}
	if left := p.plan.Whole() - p.plan.Len(); left > 0 {
		leave("%d of %d attempts were left out by %s", left, p.plan.Whole(), strings.Join(header.Filters, " "))
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
func (o *running) finish(ctx context.Context, specs []reports.Spec, spool *reports.Spool, record *verdicts.Record) error {
	people := o.people(specs)
	options := terminalOf(people)
	err := errors.Join(spool.Summary(record.Summary), reports.WriteAll(specs, record), o.push.push(ctx, o.err, record))
	for _, print := range []func(io.Writer, *verdicts.Record, reports.Options) error{reports.Matrix, reports.Findings} {
		if printErr := print(people, record, options); err == nil {
			err = printErr
		}
	}
	if err = errors.Join(err, record.Results.Err()); err != nil {
		return cannotRun(err)
	}
	sayWritten(o.err, specs)
	if record.Summary.Exit != 0 {
		return &exit{code: record.Summary.Exit}
	}
	return nil
}

// sayWritten names the files that there are now.
func sayWritten(w io.Writer, specs []reports.Spec) {
	for _, spec := range files(specs) {
		fmt.Fprintf(w, "wrote %s\n", spec.Path)
	}
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
