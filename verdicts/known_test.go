package verdicts

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
)

// saidByOwn is a case of what a source's own pod said of another tenant.
func saidByOwn(outcome probes.Outcome, seen *probes.Observation) Case {
	c := ideal(outcome)
	c.Attempt.Suite, c.Attempt.Check, c.Attempt.Do, c.Attempt.Address, c.Attempt.From.Proxied = "mesh", string(seen.Do), seen.Do, suites.ProxyView, true
	eachRound(&c, func(s *Seen) {
		s.Observation, s.Control, s.Source, s.Arrivals = seen, Control{}, SourceControl{}, Arrivals{}
	})
	return c
}

func TestWhatAProxyKnows(t *testing.T) {
	t.Parallel()
	told := func(answers ...string) *probes.Observation {
		return &probes.Observation{Do: probes.DoKnown, Phase: probes.PhaseDone, Answers: answers, Proxy: &probes.ProxyView{Clusters: 31, Endpoints: 40}}
	}
	for name, tc := range map[string]struct {
		outcome probes.Outcome
		spoil   func(*Case)
		want    Verdict
		why     string
	}{
		"nothing of it": {probes.Unresolved, func(*Case) {}, Unreached, "knows no Service of"},
		"something": {probes.Reached, func(c *Case) { eachRound(c, func(s *Seen) { s.Observation = told("a", "b", "c", "d") }) }, Leak,
			"has been told of Services of globex: a, b, c and more (of 31 clusters with 40 endpoints in all)"},
		"something in the second round": {probes.Unresolved, func(c *Case) { c.Rounds[1].Outcome, c.Rounds[1].Observation = probes.Reached, told("db") }, Leak, ": db (of 31"},
		"it could not be asked": {probes.Unresolved, func(c *Case) {
			c.Rounds[1].Outcome, c.Rounds[1].Observation = probes.Error, &probes.Observation{Error: "asking the pod's own proxy: refused"}
		}, Inconclusive, "asking the pod's own proxy"},
		"one round": {probes.Unresolved, func(c *Case) { c.Rounds = c.Rounds[:1] }, Inconclusive, "only 1 of 2 rounds"},
	} {
		c := saidByOwn(tc.outcome, told())
		tc.spoil(&c)
		r := Judge(c, Rules{}, "")
		assert.Equal(t, tc.want, r.Verdict, "%s: %s", name, r.Why)
		assert.Contains(t, r.Why, tc.why, name)
		assert.Equal(t, OneSided, r.Grade, name)
		var l Layers
		l.Add(&r)
		assert.Empty(t, l.Pairs(), "what is known is no layer of a wall")
	}
}
