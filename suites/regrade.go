package suites

import (
	"errors"
	"fmt"
	"strings"

	"github.com/partywall/partywall/tenancy"
)

// checkSeverities refuses a severity that the tenancy file states for no check
// at all, whether or not the plan has attempts of it.
func (r Registry) checkSeverities(t *tenancy.Tenancy) error {
	var unknown []error
	for _, s := range t.Severities {
		if !r.has(s) {
			unknown = append(unknown, fmt.Errorf("%s:%d: severities: there is no check %q; there is: %s", t.Path, s.Line, s.Check, strings.Join(r.checks(), ", ")))
		}
	}
	return errors.Join(unknown...)
}

// regrade gives attempts the severities that the tenancy file states for their
// checks; of several the last holds.
func regrade(plan []Attempt, t *tenancy.Tenancy) {
	for i := range plan {
		for _, s := range t.Severities {
			if s.Covers(plan[i].Suite + "/" + plan[i].Check) {
				plan[i].Severity = s.Severity
			}
		}
	}
}

func (r Registry) checks() []string {
	var all []string
	for _, s := range r {
		for _, c := range s.Checks() {
			all = append(all, s.Name()+"/"+c)
		}
	}
	return all
}

func (r Registry) has(s tenancy.CheckSeverity) bool {
	for _, c := range r.checks() {
		if s.Covers(c) {
			return true
		}
	}
	return false
}
