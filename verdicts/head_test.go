package verdicts

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
)

func TestHeads(t *testing.T) {
	for name, tc := range map[string]struct {
		outcome probes.Outcome
		status  int
		spoil   func(*Case)
		want    Verdict
	}{
		"answered":                            {probes.Reached, 200, func(*Case) {}, Leak},
		"dropped, and not to its tenant":      {probes.Dropped, 0, func(*Case) {}, Unreached},
		"a policy's refusal":                  {probes.Forbidden, 403, func(*Case) {}, Unreached},
		"a refusal that nobody signed":        {probes.Error, 403, func(*Case) {}, Inconclusive},
		"a service that asks for a password":  {probes.Unauthenticated, 401, controlsEnd(probes.Unauthenticated), Skipped},
		"a service that refuses all":          {probes.Error, 403, controlsEnd(probes.Error), Skipped},
		"a service that answers nobody":       {probes.Dropped, 0, controlsEnd(probes.Dropped), Inconclusive},
		"a probe that failed, and so did all": {probes.Error, 0, controlsEnd(probes.Error), Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			c := ideal(tc.outcome)
			c.Attempt.Suite, c.Attempt.Check, c.Attempt.Do, c.Attempt.Service, c.Attempt.Address = "services", "head", probes.DoHead, "web", suites.ServiceName
			eachRound(&c, func(s *Seen) {
				s.Arrivals, s.Draws = Arrivals{}, 16
				s.Observation = &probes.Observation{Status: tc.status}
			})
			tc.spoil(&c)
			r := Judge(c, Rules{}, "")
			assert.Equal(t, tc.want, r.Verdict, r.Why)
			assert.Equal(t, OneSided, r.Grade)
		})
	}
}
