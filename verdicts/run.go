package verdicts

import (
	"fmt"
	"time"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

// All judges a run: its cases, and its controls as if they were cross-tenant,
// which must come out as reached or else the run is no evidence. Results come
// in the order of the cases; notes name what a reader should know beside them.
func All(cases, controls []Case, t *tenancy.Tenancy, today Day) ([]Result, Sensitivity, []string) {
	rules := RulesOf(t)
	sensitivity := prove(controls)
	besides := judgeBesides(cases, rules)
	results := make([]Result, 0, len(cases))
	noted := map[string]bool{}
	var notes []string
	for _, c := range cases {
		r := Judge(c, rules, besides[c.Attempt.Beside()])
		if r.Verdict == Isolated && sensitivity.Reached == 0 {
			r = r.as(Inconclusive, "not one control of the run came out as reached with a receipt, so that the run could not have seen a leak")
		}
		r, note := Threshold(r, t, today)
		if note != "" && !noted[note] {
			noted[note] = true
			notes = append(notes, note)
		}
		if r.Verdict == Leak || r.Verdict == Broken {
			r.Remedy = c.Attempt.Remedy
		}
		results = append(results, r)
	}
	return results, sensitivity, notes
}

// RulesOf takes from a tenancy what judging needs.
func RulesOf(t *tenancy.Tenancy) Rules {
	rules := Rules{WeakControls: t.Promises.WeakControls}
	for _, o := range t.Promises.Denial {
		rules.Denial = append(rules.Denial, probes.Outcome(o))
	}
	return rules
}

func judgeBesides(cases []Case, rules Rules) map[string]Verdict {
	besides := map[string]Verdict{}
	for _, c := range cases {
		if c.Attempt.Address == suites.PodIP {
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
func Summarise(results []Result, finished time.Time) Summary {
	s := Summary{Finished: finished, Counts: map[Verdict]int{}}
	for _, r := range results {
		s.Counts[r.Verdict]++
		if r.Fails {
			s.Failures++
		}
	}
	s.Exit = exitCode(s)
	if n := len(results); n > 0 && s.Counts[Skipped] == n {
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
