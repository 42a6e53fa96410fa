package suites

import (
	"github.com/partywall/partywall/tenancy"
)

// Suite turns a tenancy into attempts.
type Suite interface {
	// Name is the suite's stable name, the first part of its attempts' ids.
	Name() string
	// Checks are the stable names of its kinds of attempt.
	Checks() []string
	// Plan lists what the suite tries in a part of a tenancy's matrix, the same
	// list for the same part.
	Plan(*tenancy.Tenancy, Part) []Attempt
}

// Idler is a suite that has nothing to try on clusters that lack what it is
// about.
type Idler interface {
	// Idle says why the suite plans nothing for a tenancy; empty where it does.
	Idle(*tenancy.Tenancy) string
}

// Registry is the suites that there are, in the order in which they run.
type Registry []Suite

// Plan lists the attempts of all suites in a part of the matrix.
func (r Registry) Plan(t *tenancy.Tenancy, part Part) []Attempt {
	var all []Attempt
	for _, s := range r {
		all = append(all, s.Plan(t, part)...)
	}
	return all
}
