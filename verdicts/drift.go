package verdicts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/partywall/partywall/tenancy"
)

// Drift is what changed from one run to a later one.
type Drift struct {
	Old, New Header
	// Apart says why the two should not be held against each other: where there
	// is anything, no exit code may go by what was found.
	Apart []string
	// Notes say what else to know of the two before the changes are read.
	Notes   []string
	Changes []Change // the worst first
	Totals  DriftTotals
}

// DriftTotals count what was found.
type DriftTotals struct {
	Kinds       map[ChangeKind]int `json:"kinds"`
	Regressions int                `json:"regressions"`
	Same        int                `json:"same"`
	// Known counts the failures of the later run that failed before.
	Known int `json:"knownFailures"`
	// LeftOut counts the results of the earlier run that the flags of the later
	// one left out: they were not looked for, and are in no kind.
	LeftOut int `json:"leftOut"`
	// Inconclusive counts those of the later run.
	Inconclusive int `json:"inconclusive"`
	// Incomplete says that the later run did not do all that it had to.
	Incomplete bool `json:"incomplete"`
}

// Exit is the exit code by regressions alone. Failures that failed before are
// passed over. What is without evidence is not: no earlier run can tell how an
// attempt would have ended.
func (d *Drift) Exit() int {
	switch {
	case d.Totals.Regressions > 0:
		return ExitFail
	case d.Totals.Inconclusive > 0 || d.Totals.Incomplete:
		return ExitInconclusive
	}
	return ExitPass
}

// Compare holds a run against an earlier one.
func Compare(before, now *Record) (*Drift, error) {
	past, err := Remember(before)
	if err != nil {
		return nil, err
	}
	return past.Against(now)
}

// Apart says why a run should not be held against an earlier one: they are of
// different things, or not one after the other.
func Apart(before, now Header) []string {
	var why []string
	differ := func(what, a, b string) {
		if a != b {
			why = append(why, fmt.Sprintf("the %s was %q and is %q", what, a, b))
		}
	}
	differ("tenancy", before.Tenancy, now.Tenancy)
	differ("context", before.Context, now.Context)
	switch {
	case before.Run == now.Run:
		why = append(why, fmt.Sprintf("both are of the run %s: nothing can differ", now.Run))
	case before.Started.After(now.Started):
		why = append(why, "the one that is held to be earlier was started later: are the two the wrong way round?")
	}
	return why
}

// beforehand is what to know of two runs before their differences are read.
func beforehand(before, now *Record) []string {
	var notes []string
	differ := func(what, a, b string) {
		if a != b {
			notes = append(notes, fmt.Sprintf("%s was %q and is %q", what, a, b))
		}
	}
	a, b := before.Header, now.Header
	differ("failOn", a.FailOn, b.FailOn)
	differ("the version of Partywall", a.Version, b.Version)
	differ("the version of Kubernetes", a.Server, b.Server)
	differ("what holds policies up, by the cluster's API,", strings.Join(a.Components, ", "), strings.Join(b.Components, ", "))
	differ("the identity of the runner", a.Identity, b.Identity)
	notes = append(notes, policyChanges(before.Summary.Policies, now.Summary.Policies)...)
	if len(a.Filters) > 0 && !slices.Equal(a.Filters, b.Filters) {
		notes = append(notes, "the earlier run was narrowed by "+strings.Join(a.Filters, " ")+": what it left out is new here")
	}
	if before.Summary.Incomplete {
		notes = append(notes, "the earlier run is incomplete ("+unfinishedWhy(before.Summary)+"): what it lacks is new here")
	}
	if now.Summary.Incomplete {
		notes = append(notes, "the later run is incomplete: "+unfinishedWhy(now.Summary))
	}
	return notes
}

func unfinishedWhy(s Summary) string { return strings.Join(s.NotRun, "; ") }

// sorted orders changes by kind, regressions first, then by severity and id.
func sorted(changes []Change) {
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(
			cmp.Compare(slices.Index(ChangeKinds, a.Kind), slices.Index(ChangeKinds, b.Kind)),
			regressionsFirst(a, b),
			cmp.Compare(badness(b), badness(a)),
			strings.Compare(a.ID, b.ID),
		)
	})
}

func regressionsFirst(a, b Change) int {
	switch {
	case a.Regression == b.Regression:
		return 0
	case a.Regression:
		return -1
	}
	return 1
}

// badness is how bad the leak is that an attempt is, or was.
func badness(c Change) tenancy.Severity {
	for _, s := range []*State{c.New, c.Old} {
		if s == nil || s.Severity == "" {
			continue
		}
		if severity, err := tenancy.ParseSeverity(s.Severity); err == nil {
			return severity
		}
		return tenancy.Critical
	}
	return tenancy.Info
}
