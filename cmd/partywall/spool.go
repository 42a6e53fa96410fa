package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/partywall/partywall/reports"
	"github.com/partywall/partywall/verdicts"
)

// openSpool starts the record on disk and puts partial reports in the place of
// older ones.
func openSpool(specs []reports.Spec, header verdicts.Header) (*reports.Spool, error) {
	spool, err := reports.CreateSpool(spoolPath(specs))
	if err != nil {
		return nil, err
	}
	if err := spool.Header(header); err != nil {
		return nil, err
	}
	return spool, reports.Begin(files(specs), header)
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

func spoolRecord(spool *reports.Spool, record *verdicts.Record) error {
	for _, r := range record.Results {
		if err := spool.Result(r); err != nil {
			return err
		}
	}
	return spool.Summary(record.Summary)
}
