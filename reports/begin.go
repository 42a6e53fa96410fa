package reports

import (
	"errors"
	"fmt"
	"time"

	"github.com/partywall/partywall/verdicts"
)

// Begin puts a small partial report in the place of each that the run will
// write at its end, so that the green report of an earlier run is never taken
// for that of one that was killed. Create the spool first: the partial report
// points to it.
func Begin(specs []Spec, h verdicts.Header) error {
	rec := &verdicts.Record{Header: stamped(h), Results: verdicts.List(nil)}
	rec.Summary = verdicts.Summarise(rec.Results, time.Time{})
	rec.Summary.Unfinished("%s", unfinished(specs))
	var errs []error
	for _, s := range specs {
		// What went down a pipe cannot be replaced at the end.
		if !isStream(s.Path) {
			errs = append(errs, Write(s, rec))
		}
	}
	return errors.Join(errs...)
}

func unfinished(specs []Spec) string {
	for _, s := range specs {
		if s.Format == (JSON{}) {
			return fmt.Sprintf("this run has not finished; see %s for what it has seen so far", SpoolPath(s.Path))
		}
	}
	return "this run has not finished"
}
