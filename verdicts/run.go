package verdicts

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

// Judging judges a run part by part.
type Judging struct {
	tenancy     *tenancy.Tenancy
	today       Day
	rules       Rules
	sensitivity Sensitivity
	notes       []string
}

// NewJudging judges by a tenancy, and its exceptions by a day.
func NewJudging(t *tenancy.Tenancy, today Day) *Judging {
	return &Judging{tenancy: t, today: today, rules: RulesOf(t)}
}

// Part judges the cases of a part, in their order. The attempts that stand
// beside each other must be in one part. What the part's controls prove counts
// for the whole run: Sensitivity has the sum, without which no result stands.
// The cases are gone through twice, and neither they nor their results are ever
// held all at once.
func (j *Judging) Part(cases iter.Seq[Case], controls []Case) iter.Seq[Result] {
	j.sensitivity.add(prove(controls))
	besides := judgeBesides(cases, j.rules)
	return func(yield func(Result) bool) {
		for c := range cases {
			if !yield(j.judge(c, besides[c.Attempt.Beside()])) {
				return
			}
		}
	}
}

func (j *Judging) judge(c Case, beside Verdict) Result {
	r, note := Threshold(Judge(c, j.rules, beside), j.tenancy, j.today)
	if note != "" && !slices.Contains(j.notes, note) {
		j.notes = append(j.notes, note)
	}
	if r.Verdict == Leak || r.Verdict == Broken {
		r.Remedy = c.Attempt.Remedy
	}
	if (r.Verdict == Leak || r.Verdict == Excepted) && c.Cause != nil {
		r.Cause = c.Cause()
	}
	return r
}

// Sensitivity is what all controls so far have proven.
func (j *Judging) Sensitivity() Sensitivity { return j.sensitivity }

// Notes are what there is to say of the tenancy's exceptions.
func (j *Judging) Notes() []string { return j.notes }

func (s *Sensitivity) add(more Sensitivity) {
	s.Controls += more.Controls
	s.Reached += more.Reached
}

// Hold takes back what a run claims that could not have seen a leak. A question
// to admission goes by no probe, and each has its own control in every round.
func (s Sensitivity) Hold(r *Result) {
	if r.Verdict == Isolated && s.Reached == 0 && r.Address != suites.DryRun {
		*r = r.as(Inconclusive, "not one control of the run came out as reached with a receipt, so that the run could not have seen a leak")
	}
}

// RulesOf takes from a tenancy what judging needs.
func RulesOf(t *tenancy.Tenancy) Rules {
	rules := Rules{WeakControls: t.Promises.WeakControls, Network: t.Promises.Holds(tenancy.NetworkLayer)}
	for _, o := range t.Promises.Denial {
		rules.Denial = append(rules.Denial, probes.Outcome(o))
	}
	return rules
}

// judgeBesides asks whether an attempt was denied, by whatever layer.
func judgeBesides(cases iter.Seq[Case], rules Rules) map[string]Verdict {
	rules.Network = false
	besides := map[string]Verdict{}
	for c := range cases {
		if c.Attempt.Stands() {
			besides[c.Attempt.ID()] = Judge(c, rules, "").Verdict
		}
	}
	return besides
}

// prove judges controls as if they came from another tenant.
func prove(controls []Case) Sensitivity {
	s := Sensitivity{Controls: len(controls)}
	for _, c := range controls {
		c.Attempt.Expect = suites.Denied
		r := Judge(c, Rules{}, "")
		if r.Verdict == Leak && r.Outcome == probes.Reached && witnessed(c) {
			s.Reached++
		}
	}
	return s
}

// witnessed says that every round got through and was seen to arrive.
func witnessed(c Case) bool {
	for _, s := range c.Rounds {
		if s.Outcome != probes.Reached || s.Arrivals.Certain == 0 {
			return false
		}
	}
	return len(c.Rounds) > 0
}

// Summarise counts the results and derives the exit code.
func Summarise(results Results, finished time.Time) Summary {
	s := Summary{Finished: finished, Counts: map[Verdict]int{}}
	n := 0
	for r := range results.All() {
		n++
		s.Counts[r.Verdict]++
		if r.Fails {
			s.Failures++
		}
	}
	s.Exit = exitCode(s)
	if n > 0 && s.Counts[Skipped] == n {
		s.Unfinished("all of the attempts (%d) were skipped: nothing was tried", n)
	}
	return s
}

// The exit codes of a run, from the design's table. Usage errors (2) and runs
// that could not start (4) never get as far as a summary.
const (
	ExitPass         = 0
	ExitFail         = 1
	ExitInconclusive = 3
)

func exitCode(s Summary) int {
	switch {
	case s.Failures > 0:
		return ExitFail
	case s.Counts[Inconclusive] > 0 || s.Incomplete:
		return ExitInconclusive
	default:
		return ExitPass
	}
}

// Unfinished marks a summary as partial because something that should have
// been tried was not.
func (s *Summary) Unfinished(format string, args ...any) {
	s.Incomplete = true
	s.LeftOut(format, args...)
	s.Exit = exitCode(*s)
}

// LeftOut marks a summary as partial because the user asked for less than the
// whole. That is said everywhere, and leaves the exit code alone.
func (s *Summary) LeftOut(format string, args ...any) {
	s.Partial = true
	s.NotRun = append(s.NotRun, fmt.Sprintf(format, args...))
}
