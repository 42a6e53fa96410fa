package verdicts

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
)

func TestWaysOutToAWitness(t *testing.T) {
	witnessed := func(o probes.Outcome) Case {
		c := ideal(o)
		c.Attempt.Suite, c.Attempt.To, c.To = "egress", suites.Place{Tenant: "internet"}, Side{Tenant: "internet"}
		c.Attempt.Out, c.Attempt.Outside, c.Attempt.Witnessed, c.Attempt.Address = true, "203.0.113.30", true, suites.ByAddress
		eachRound(&c, func(s *Seen) { s.Control.Rung = RungRunner })
		return c
	}
	each := func(spoil func(*Seen)) func(*Case) { return func(c *Case) { eachRound(c, spoil) } }
	last := func(spoil func(*Seen)) func(*Case) { return func(c *Case) { spoil(&c.Rounds[1]) } }
	asked := func(c *Case) {
		c.Attempt.Address, c.Attempt.Lookup = suites.Resolver, suites.Lookup{Of: suites.WitnessRecord, Type: "TXT", Over: "udp"}
	}
	for name, tc := range map[string]struct {
		outcome probes.Outcome
		spoil   func(*Case)
		want    Verdict
	}{
		"answered":                        {probes.Reached, each(func(s *Seen) { s.Arrivals.Certain = 1 }), Leak},
		"answered, and no receipts":       {probes.Reached, each(func(s *Seen) { s.Arrivals = Arrivals{Fault: "away"} }), Leak},
		"arrived without a way back":      {probes.Dropped, last(func(s *Seen) { s.Arrivals.Certain = 1 }), Leak},
		"nothing arrived":                 {probes.Dropped, each(func(*Seen) {}), Unreached},
		"nothing arrived, beside another": {probes.Dropped, each(func(s *Seen) { s.Control.Rung = RungCrossing }), Isolated},
		"the resolver found nothing":      {probes.Unresolved, asked, Unreached},
		"stopped by its own proxy":        {probes.Blackholed, each(func(*Seen) {}), Unreached},
		"receipts that cannot be had":     {probes.Dropped, last(func(s *Seen) { s.Arrivals.Fault = "away" }), Inconclusive},
		"receipts without the control":    {probes.Dropped, last(func(s *Seen) { s.Arrivals.Proven = false }), Inconclusive},
		"an arrival that may be it":       {probes.Dropped, last(func(s *Seen) { s.Arrivals.Possible = 1 }), Inconclusive},
		"it answered nobody before":       {probes.Dropped, last(func(s *Seen) { s.Control.Before = probes.Refused }), Inconclusive},
		"it answered nobody after":        {probes.Dropped, last(func(s *Seen) { s.Control.After = probes.Dropped }), Inconclusive},
		"nobody asked it":                 {probes.Dropped, last(func(s *Seen) { s.Control = Control{Rung: RungNone} }), Inconclusive},
		"a source without a way":          {probes.Dropped, each(func(s *Seen) { s.Source = SourceControl{} }), Inconclusive},
		"somebody else answered":          {probes.Error, each(func(*Seen) {}), Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			c := witnessed(tc.outcome)
			tc.spoil(&c)
			r := Judge(c, Rules{}, "")
			assert.Equal(t, tc.want, r.Verdict, r.Why)
			assert.Equal(t, TwoSided, r.Grade)
		})
	}
}

// Who showed the witness alive is said, since the runner stands elsewhere.
func TestTheWitnesssControlIsSaid(t *testing.T) {
	c := ideal(probes.Dropped)
	c.Attempt.Out, c.Attempt.Witnessed, c.Attempt.Address = true, true, suites.ByAddress
	assert.Contains(t, Judge(c, Rules{}, "").Why, "a tenant that may")
	c.Rounds[1].Control.Rung = RungRunner
	assert.Contains(t, Judge(c, Rules{}, "").Why, "that the cluster has a way there at all is not shown")
}
