package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/partywall/partywall/reports"
)

// reporting is the report command's own flags.
type reporting struct {
	*app
	from      string
	reports   []string
	framework string
	bundle    bundling
	push      pushing
}

func newReport(a *app) *cobra.Command {
	o := &reporting{app: a}
	c := &cobra.Command{
		Use:   "report",
		Short: "Write reports of a run that is over",
		Long: "Writes reports from the record that a run left, without a cluster: the same as the run itself would have\n" +
			"written. A spool (results.jsonl) will do, also that of a run that was killed.\n\n" +
			"Exit codes: 0 the reports are written, whatever they say; 2 usage, or a file that is no record of a run or was\n" +
			"changed since; 4 something could not be read or written.",
		Example: fmt.Sprintf("  %[1]s report --from out/results.json --report html=out/report.html\n"+
			"  %[1]s report --from out/results.jsonl --report junit=junit.xml --report json=results.json\n"+
			"  %[1]s report --from out/results.json --framework pci --report html=out/pci.html", a.name),
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	c.Flags().StringVar(&o.from, "from", "", "record to read: a results.json, or a results.jsonl")
	_ = c.MarkFlagFilename("from", "json", "jsonl") // fails for unknown flags only
	addReports(c, &o.reports, nil)
	o.bundle.addFlags(c)
	o.push.addFlags(c)
	addFramework(c, &o.framework, "what the run has to say to the clauses of this framework, in html or, without --report, here: ")
	return c
}

// addReports adds the flag for the reports that are wanted.
func addReports(c *cobra.Command, list *[]string, otherwise []string) {
	c.Flags().StringArrayVar(list, "report", otherwise, "FORMAT=PATH, repeatable; formats: "+strings.Join(reports.Formats(), ", "))
	_ = c.RegisterFlagCompletionFunc("report", completeReport) // fails for unknown flags only
}

func (o *reporting) run(c *cobra.Command) error {
	specs, err := o.check()
	if err != nil {
		return seeHelp(c, err)
	}
	framework, err := clausesIn(specs, o.framework, ", or for none to see them here")
	if err != nil {
		return seeHelp(c, err)
	}
	saved, err := reports.Open(o.from)
	if err != nil {
		return o.unreadable(err)
	}
	defer saved.Close()
	if saved.Summary.Incomplete {
		fmt.Fprintln(o.err, "this record is not a whole run's, which the reports say too: "+reports.Harmless(strings.Join(saved.Summary.NotRun, "; ")))
	}
	if err := errors.Join(reports.WriteAll(specs, &saved.Record), o.push.push(c.Context(), o.err, &saved.Record)); err != nil {
		return cannotRun(err)
	}
	sayWritten(o.err, specs)
	if framework != nil && len(specs) == 0 {
		if err := reports.WriteClauses(o.out, &saved.Record, framework, terminalOf(o.out)); err != nil {
			return cannotRun(err)
		}
	}
	return nil
}

// check refuses what cannot be meant, before anything is read.
func (o *reporting) check() ([]reports.Spec, error) {
	if o.from == "" {
		return nil, errors.New("--from is missing: name the record of a run, as in --from out/results.json")
	}
	if len(o.reports) == 0 && o.framework == "" && o.bundle.path == "" && o.push.url == "" {
		return nil, errors.New("--report is missing: name at least one, as FORMAT=PATH")
	}
	if err := o.push.check(); err != nil {
		return nil, err
	}
	specs, err := reports.ParseSpecs(o.reports)
	if err != nil {
		return nil, fmt.Errorf("--report: %w", err)
	}
	if specs, err = o.bundle.with(specs); err != nil {
		return nil, err
	}
	for _, spec := range specs {
		if sameFile(spec.Path, o.from) {
			return nil, fmt.Errorf("--report: %s is the record that --from names; give the %s report another path", spec.Path, spec.Format.Name())
		}
	}
	for _, spec := range files(specs) {
		if err := spec.Replaceable(); err != nil {
			return nil, fmt.Errorf("--report: %w", err)
		}
	}
	return specs, nil
}

// unreadable tells a file that is the wrong one from one that the machine will
// not hand out.
func (o *reporting) unreadable(err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) && !errors.Is(err, fs.ErrNotExist) {
		return cannotRun(fmt.Errorf("--from: %w", err))
	}
	return fmt.Errorf("--from: %w", err)
}
