package suites

import (
	"fmt"
	"strings"

	"github.com/partywall/partywall/tenancy"
)

// Regrade gives the attempts of a plan the severities that the tenancy file
// states for their checks; of several the last holds. One that is for no check
// at all is an error, whether or not the plan has attempts of it.
func Regrade(plan []Attempt, r Registry, t *tenancy.Tenancy) error {
	for _, s := range t.Severities {
		if !r.has(s) {
			return fmt.Errorf("%s:%d: severities: there is no check %q; there is: %s", t.Path, s.Line, s.Check, strings.Join(r.checks(), ", "))
		}
	}
	for i := range plan {
		for _, s := range t.Severities {
			if s.Covers(plan[i].Suite + "/" + plan[i].Check) {
				plan[i].Severity = s.Severity
			}
		}
	}
	return nil
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
