package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

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

// voidOld puts a partial report in the place of each that an earlier run left,
// before anything can fail: a run that never starts must not leave the green
// report of another in its place. Where there is none, none is made.
func voidOld(specs []reports.Spec, run string, now time.Time) error {
	if err := os.Remove(spoolPath(specs)); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("removing the record of an earlier run: %w", err)
	}
	old := slices.DeleteFunc(files(specs), func(s reports.Spec) bool {
		_, err := os.Stat(s.Path)
		return err != nil
	})
	return reports.Begin(old, verdicts.Header{Run: run, Version: version, Started: now})
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
