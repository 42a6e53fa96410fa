package verdicts

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

func TestSCTPIsSkippedOnlyWhereNobodyHasIt(t *testing.T) {
	saw := func(phase probes.Phase, errno string) func(*Case) {
		return func(c *Case) {
			eachRound(c, func(s *Seen) {
				s.Observation = &probes.Observation{Do: probes.DoSCTP, Phase: phase, Errno: errno, Error: "its words"}
			})
		}
	}
	for name, tc := range map[string]struct {
		outcome probes.Outcome
		spoil   func(*Case)
		want    Verdict
	}{
		"walls that hold":                      {probes.Dropped, func(*Case) {}, Isolated},
		"through":                              {probes.Reached, func(*Case) {}, Leak},
		"no such protocol":                     {probes.Error, saw("", "EPROTONOSUPPORT"), Skipped},
		"kept from the container":              {probes.Error, saw("", "EPERM"), Skipped},
		"out of descriptors":                   {probes.Error, saw("", "EMFILE"), Inconclusive},
		"refused on the way":                   {probes.Unreachable, func(c *Case) { saw(probes.PhaseConnect, "EPERM")(c) }, Isolated},
		"an answer that there is no such here": {probes.Unreachable, func(c *Case) { saw(probes.PhaseConnect, "ENOPROTOOPT")(c); controlsEnd(probes.Unreachable)(c) }, Skipped},
		"lost to its tenant too":               {probes.Dropped, controlsEnd(probes.Dropped), Skipped},
		"lost to its tenant in one round":      {probes.Dropped, func(c *Case) { c.Rounds[1].Control.After = probes.Dropped }, Inconclusive},
		"one round":                            {probes.Error, func(c *Case) { saw("", "EPERM")(c); c.Rounds = c.Rounds[:1] }, Inconclusive},
		"arrived in the other round": {probes.Error, func(c *Case) {
			saw("", "EPERM")(c)
			c.Rounds[1].Outcome, c.Rounds[1].Observation = probes.Reached, &probes.Observation{Phase: probes.PhaseDone}
		}, Leak},
		"no socket in one round": {probes.Error, func(c *Case) {
			saw("", "EPERM")(c)
			c.Rounds[1].Outcome, c.Rounds[1].Observation = probes.Dropped, &probes.Observation{Phase: probes.PhaseConnect, Timeout: true}
		}, Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			c := ideal(tc.outcome)
			c.Attempt.Check, c.Attempt.Do, c.Attempt.Port, c.Attempt.Address = "sctp", probes.DoSCTP, tenancy.Port{Protocol: "sctp", Number: probes.PortSCTP}, suites.PodIP
			tc.spoil(&c)
			r := Judge(c, Rules{}, "")
			assert.Equal(t, tc.want, r.Verdict, r.Why)
			assert.Equal(t, TwoSided, r.Grade)
			if tc.want == Skipped && r.Outcome == probes.Error {
				assert.Contains(t, r.Why, "its words")
			}
		})
	}
}
