package verdicts

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/partywall/partywall/probes"
)

func TestWhomAWorkloadIsToldOf(t *testing.T) {
	t.Parallel()
	told := func(caller string, answers ...string) *probes.Observation {
		return &probes.Observation{
			Do: probes.DoIdentity, Phase: probes.PhaseDone, Status: 200, Answers: answers, Header: map[string]string{probes.CallerHeader: caller},
		}
	}
	for name, tc := range map[string]struct {
		outcome probes.Outcome
		spoil   func(*Case)
		want    Verdict
		why     string
	}{
		"who asks": {probes.Unresolved, func(*Case) {}, Unreached, "told its workload that spiffe://x/ns/web/sa/default asked it"},
		"nobody":   {probes.Unresolved, func(c *Case) { eachRound(c, func(s *Seen) { s.Observation = told("") }) }, Unreached, "that nobody asked it"},
		"another":  {probes.Reached, func(c *Case) { eachRound(c, func(s *Seen) { s.Observation = told("spiffe://y", "spiffe://y") }) }, Leak, "lets a client say who it is: it told its workload that spiffe://y asked"},
		"another in one round": {probes.Unresolved, func(c *Case) {
			c.Rounds[1].Outcome, c.Rounds[1].Observation = probes.Reached, told("spiffe://y", "spiffe://y")
		}, Leak, "that spiffe://y asked"},
		"it did not answer": {probes.Unresolved, func(c *Case) {
			c.Rounds[1].Outcome, c.Rounds[1].Observation = probes.Error, &probes.Observation{Error: "the pod's own target did not answer it"}
		}, Inconclusive, "did not answer it"},
		"one round": {probes.Unresolved, func(c *Case) { c.Rounds = c.Rounds[:1] }, Inconclusive, "only 1 of 2 rounds"},
	} {
		c := saidByOwn(tc.outcome, told("spiffe://x/ns/web/sa/default"))
		tc.spoil(&c)
		r := Judge(c, Rules{}, "")
		assert.Equal(t, tc.want, r.Verdict, "%s: %s", name, r.Why)
		assert.Contains(t, r.Why, tc.why, name)
		assert.Equal(t, OneSided, r.Grade, name)
	}
}
