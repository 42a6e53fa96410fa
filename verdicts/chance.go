package verdicts

import (
	"slices"

	"github.com/partywall/partywall/probes"
)

// LacksByChance says that a case is inconclusive for what one of its rounds
// lacks and another has, so that another go may well have it: a control was
// lost, an attempt failed by itself. What all rounds lack alike is there to
// stay. Where something may have arrived unseen, no later silence can say that
// nothing did.
func LacksByChance(c Case, rules Rules) bool {
	if len(c.Rounds) < Rounds || slices.ContainsFunc(c.Rounds, func(s Seen) bool { return s.mayHaveArrived(c) }) {
		return false
	}
	if Judge(c, rules, Isolated).Verdict != Inconclusive {
		return false
	}
	return slices.ContainsFunc(c.Rounds[1:], func(s Seen) bool { return s.evidence() != c.Rounds[0].evidence() })
}

// evidence is what a round has of what a verdict rests on.
type evidence struct {
	observed, made, proven bool
	control                Control
	source                 SourceControl
}

func (s Seen) evidence() evidence {
	return evidence{
		observed: s.Observation != nil,
		made:     s.Outcome != "" && s.Outcome != probes.Error && !atSource(s.Outcome),
		proven:   s.Arrivals.Proven,
		control:  s.Control,
		source:   s.Source,
	}
}

// mayHaveArrived says that the round's evidence leaves room for an arrival: one
// that may be the attempt's, receipts that are not whole, or, where nobody keeps
// receipts, a source that did not say how it went.
func (s Seen) mayHaveArrived(c Case) bool {
	unseen := s.Observation == nil && blank(c).Grade != TwoSided
	return unseen || s.Arrivals.Fault != "" || s.Arrivals.Possible > 0
}

// GotThrough says that something of a case arrived in one of its rounds, or
// that something came back.
func (c Case) GotThrough() bool {
	return slices.ContainsFunc(c.Rounds, func(s Seen) bool { return through(s.throughOrNot()) })
}
