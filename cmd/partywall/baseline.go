package main

import (
	"errors"
	"fmt"

	"github.com/partywall/partywall/reports"
	"github.com/partywall/partywall/verdicts"
)

// baseline is the earlier run that a run is held against, where there is one.
type baseline struct {
	path, failOn string
	past         *verdicts.Past
}

// read reads it before the run begins, so that a run of an hour does not end
// with a file that cannot be read.
func (b *baseline) read() error {
	switch {
	case b.path == "" && b.failOn != "":
		return errors.New("--fail-on: a regression is one from an earlier run; name its results with --baseline")
	case b.path == "":
		return nil
	}
	var err error
	if b.past, err = remember(b.path); err != nil {
		return fmt.Errorf("--baseline: %w", err)
	}
	return nil
}

// check refuses to let the exit code go by a baseline of something else.
func (b *baseline) check(header verdicts.Header) error {
	if b.past == nil || b.failOn == "" {
		return nil
	}
	if why := verdicts.Apart(b.past.Header(), header); len(why) > 0 {
		return apart(why)
	}
	return nil
}

// against holds the run against the baseline, and notes in its record that it
// was. The verdicts and the exit code in the record stay what they are.
func (b *baseline) against(rec *verdicts.Record) (*verdicts.Drift, error) {
	if b.past == nil {
		return nil, nil
	}
	d, err := b.past.Against(rec)
	if err != nil {
		return nil, cannotRun(fmt.Errorf("--baseline: %w", err))
	}
	note := fmt.Sprintf("held against run %s: regressions: %d; known failures: %d", d.Old.Run, d.Totals.Regressions, d.Totals.Known)
	if b.failOn != "" {
		note += fmt.Sprintf("; the program ended by regressions alone, with %d", d.Exit())
	}
	rec.Summary.Notes = append(rec.Summary.Notes, note)
	return d, nil
}

// end shows what changed, and decides by it how the run ends where that was
// asked for. What kept the run from its reports is never passed over.
func (o *running) end(specs []reports.Spec, d *verdicts.Drift, ended error) error {
	if d == nil {
		return ended
	}
	people := o.people(specs)
	fmt.Fprintln(people)
	if err := reports.Drift(people, d, terminalOf(people)); err != nil {
		return cannotRun(errors.Join(err, ended))
	}
	var e *exit
	if o.baseline.failOn == "" || ended != nil && (!errors.As(ended, &e) || e.err != nil) {
		return ended
	}
	if code := d.Exit(); code != verdicts.ExitPass {
		return &exit{code: code}
	}
	return nil
}
