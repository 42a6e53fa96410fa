package verdicts

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/partywall/partywall/probes"
)

// What one round lacks and the other has may have been lost by chance; what may
// have arrived unseen is not made up for.
func TestLacksByChance(t *testing.T) {
	second := func(spoil func(*Seen)) func(*Case) { return func(c *Case) { spoil(&c.Rounds[1]) } }
	both := func(spoil func(*Seen)) func(*Case) { return func(c *Case) { eachRound(c, spoil) } }
	lost := func(s *Seen) { s.Control.During = probes.Dropped }
	for name, tc := range map[string]struct {
		outcome probes.Outcome
		spoil   func(*Case)
		want    bool
	}{
		"isolated":                         {probes.Dropped, func(*Case) {}, false},
		"a leak":                           {probes.Reached, second(lost), false},
		"a control":                        {probes.Dropped, second(lost), true},
		"a control, each time":             {probes.Dropped, both(lost), false},
		"another control each time":        {probes.Dropped, func(c *Case) { lost(&c.Rounds[0]); c.Rounds[1].Control.Before = probes.Dropped }, true},
		"the source's way":                 {probes.Dropped, second(func(s *Seen) { s.Source.Outcome = probes.Dropped }), true},
		"the attempt":                      {probes.Dropped, second(func(s *Seen) { s.Outcome = probes.Error }), true},
		"the observation":                  {probes.Dropped, second(func(s *Seen) { s.Observation = nil }), false},
		"its control's receipt":            {probes.Dropped, second(func(s *Seen) { s.Arrivals.Proven = false }), false},
		"a control, and so its receipt":    {probes.Dropped, second(func(s *Seen) { lost(s); s.Arrivals.Proven = false }), true},
		"a one-sided control":              {probes.Dropped, func(c *Case) { c.Attempt.Service = "pg"; lost(&c.Rounds[1]) }, true},
		"what failed and nobody witnesses": {probes.Dropped, func(c *Case) { c.Attempt.Service = "pg"; c.Rounds[1].Outcome = probes.Error }, false},
		"an outcome made at the source":    {probes.Dropped, second(func(s *Seen) { s.Outcome = probes.Unresolved }), true},
		"receipts":                         {probes.Dropped, second(func(s *Seen) { s.Arrivals.Fault = "gone"; lost(s) }), false},
		"what may have arrived":            {probes.Dropped, second(func(s *Seen) { s.Arrivals.Possible = 1; lost(s) }), false},
		"a round":                          {probes.Dropped, func(c *Case) { lost(&c.Rounds[0]); c.Rounds = c.Rounds[:1] }, false},
	} {
		c := ideal(tc.outcome)
		tc.spoil(&c)
		assert.Equal(t, tc.want, LacksByChance(c, Rules{}), name)
	}

	c := ideal(probes.Dropped)
	lost(&c.Rounds[0])
	c.Rounds[1].Outcome = probes.Refused
	assert.True(t, LacksByChance(c, Rules{}))
	assert.False(t, LacksByChance(c, Rules{Denial: []probes.Outcome{probes.Dropped}}), "another go cannot take back a denial that was not promised")
}
