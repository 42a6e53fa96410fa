package verdicts

import (
	"slices"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
)

// LacksByChance says that a case is inconclusive for what one of its rounds
// lacks and another has, so that another go may well have it: a control was
// lost, an attempt failed by itself. What all rounds lack alike is there to
// stay. Where something may have arrived unseen, no later silence can say that
// nothing did, and a denial that was not promised is not taken back by one that
// was.
func LacksByChance(c Case, rules Rules) bool {
	if len(c.Rounds) < Rounds || slices.ContainsFunc(c.Rounds, func(s Seen) bool { return s.mayHaveArrived(c) }) {
		return false
	}
	if c.Attempt.Expect == suites.Denied && unpromised(c, rules) != "" || Judge(c, rules, Isolated).Verdict != Inconclusive {
		return false
	}
	return slices.ContainsFunc(c.Rounds[1:], func(s Seen) bool { return s.evidence() != c.Rounds[0].evidence() })
}

// evidence is what a round has of what a verdict rests on.
type evidence struct {
	made, proven bool
	control      Control
	source       SourceControl
}

func (s Seen) evidence() evidence {
	return evidence{
		made:    s.Outcome != "" && s.Outcome != probes.Error && !atSource(s.Outcome),
		proven:  s.Arrivals.Proven,
		control: s.Control,
		source:  s.Source,
	}
}

// mayHaveArrived says that the round's evidence leaves room for an arrival: a
// source that did not say how it went, whose attempt may come even later; an
// arrival that may be the attempt's; receipts that are not whole, as where a
// control was answered that they do not show; or, where nobody keeps receipts,
// an attempt that failed by itself, which somebody may have answered.
func (s Seen) mayHaveArrived(c Case) bool {
	if s.Observation == nil || s.Arrivals.Fault != "" || s.Arrivals.Possible > 0 {
		return true
	}
	if blank(c).Grade != TwoSided {
		return s.Outcome == probes.Error
	}
	return s.Control.Reached() && !s.Arrivals.Proven
}

// Undeclared says that something of a case arrived in one of its rounds, or that
// something came back, which nothing declares. Of a declared one that is an
// answer by somebody else.
func (c Case) Undeclared() bool {
	if c.Attempt.Expect == suites.Allowed {
		return anyOutcome(c, probes.Misrouted)
	}
	return slices.ContainsFunc(c.Rounds, func(s Seen) bool { return through(s.throughOrNot()) })
}
