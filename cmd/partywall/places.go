package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/partywall/partywall/reports"
)

// checkPlaces refuses reports that would overwrite each other's record, what
// the run reads, or a file that is not Partywall's.
func (o *running) checkPlaces(specs []reports.Spec) error {
	spool := filepath.Clean(spoolPath(specs))
	for _, spec := range specs {
		if filepath.Clean(spec.Path) == spool {
			return fmt.Errorf("--report: the run's record is spooled to %s while it grows; give the %s report another path", spool, spec.Format.Name())
		}
		if what := o.reads(spec.Path); what != "" {
			return fmt.Errorf("--report: %s is %s; give the %s report another path", spec.Path, what, spec.Format.Name())
		}
	}
	for _, spec := range files(specs) {
		if err := spec.Replaceable(); err != nil {
			return fmt.Errorf("--report: %w", err)
		}
	}
	if what := o.reads(spool); what != "" {
		return fmt.Errorf("--report: the run's record is spooled to %s, which is %s; give the json report another path", spool, what)
	}
	if err := reports.SpoolReplaceable(spool); err != nil {
		return fmt.Errorf("--report: the run's record is spooled beside the json report: %w", err)
	}
	return nil
}

// reads says which of the files that the run reads stands at a path.
func (o *running) reads(path string) string {
	if sameFile(path, o.file) {
		return "the tenancy file"
	}
	if sameFile(path, o.baseline.path) {
		return "the baseline"
	}
	for _, kubeconfig := range o.flags.ToRawKubeConfigLoader().ConfigAccess().GetLoadingPrecedence() {
		if sameFile(path, kubeconfig) {
			return "the kubeconfig"
		}
	}
	return ""
}

// sameFile says whether two paths lead to one file that could be overwritten.
// Terminals and the like could not, and are often read and written at once.
func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil || !one.Mode().IsRegular() {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}
