package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/partywall/partywall/reports"
	"github.com/partywall/partywall/verdicts"
)

// openSpool takes the place of the record for this run alone, and voids what
// earlier runs left. Where another run is under way, nothing is touched.
func openSpool(specs []reports.Spec, run string, now time.Time) (*reports.Spool, error) {
	path := spoolPath(specs)
	spool, err := reports.CreateSpool(path)
	if errors.Is(err, reports.ErrBusy) {
		return nil, fmt.Errorf("--report: another run is under way and has its record in %s; wait for its end, or give this run another place with --report json=PATH", path)
	}
	// Also without a record: what is green must not stay.
	voided := voidOld(specs, run, now)
	if err != nil {
		return nil, cannotRun(errors.Join(err, voided))
	}
	if voided != nil {
		_ = spool.Close()
		return nil, cannotRun(voided)
	}
	return spool, nil
}

// voidOld puts a partial report in the place of each that an earlier run left,
// before anything can fail: a run that never starts must not leave the green
// report of another in its place. Where there is none, none is made.
func voidOld(specs []reports.Spec, run string, now time.Time) error {
	old := slices.DeleteFunc(files(specs), func(s reports.Spec) bool {
		_, err := os.Stat(s.Path)
		return err != nil
	})
	return reports.Begin(old, verdicts.Header{Run: run, Version: version, Started: now})
}

// begin starts the record on disk and puts partial reports in the place of
// older ones.
func begin(spool *reports.Spool, specs []reports.Spec, header verdicts.Header) error {
	if err := spool.Header(header); err != nil {
		return err
	}
	return reports.Begin(files(specs), header)
}

// spoolPath is where the record grows: beside the first JSON report that is a
// file.
func spoolPath(specs []reports.Spec) string {
	for _, spec := range files(specs) {
		if spec.Format == (reports.JSON{}) {
			return reports.SpoolPath(spec.Path)
		}
	}
	return reports.SpoolPath("out/results.json")
}

// files are the reports that have a place on disk, where something can stand
// before them and beside them.
func files(specs []reports.Spec) []reports.Spec {
	var kept []reports.Spec
	for _, spec := range specs {
		if holdsFile(spec.Path) {
			kept = append(kept, spec)
		}
	}
	return kept
}

// holdsFile says whether a path is a regular file's, or could be one's.
// /dev/stdout is not, even where the shell sends it to a file.
func holdsFile(path string) bool {
	folder := filepath.Dir(filepath.Clean(path))
	if folder == "/dev" || folder == "/dev/fd" || strings.HasPrefix(folder, "/proc/") {
		return false
	}
	info, err := os.Stat(path)
	return err != nil || info.Mode().IsRegular()
}
