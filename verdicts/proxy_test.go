package verdicts

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/partywall/partywall/probes"
	"github.com/partywall/partywall/suites"
	"github.com/partywall/partywall/tenancy"
)

func onProxy(o probes.Outcome) Case {
	c := ideal(o)
	c.Attempt.Suite, c.Attempt.Check, c.Attempt.Do, c.Attempt.Address = "mesh", "proxy-port", probes.DoHead, suites.PodIP
	c.Attempt.Proxy, c.Attempt.Port = "the proxy's metrics", tenancy.Port{Protocol: "tcp", Number: 15090}
	eachRound(&c, func(s *Seen) { s.Arrivals = Arrivals{} })
	return c
}

// A port that its own tenant does not get an answer from shows no wall, and
// one that it does get one from is walled off only where others do not.
func TestPortsOfAProxy(t *testing.T) {
	for name, tc := range map[string]struct {
		outcome probes.Outcome
		spoil   func(*Case)
		want    Verdict
	}{
		"an answer":                          {probes.Reached, func(*Case) {}, Leak},
		"an answer that its tenant lacks":    {probes.Reached, controlsEnd(probes.Refused), Leak},
		"an answer once":                     {probes.Dropped, func(c *Case) { c.Rounds[1].Outcome = probes.Reached }, Leak},
		"dropped, and its tenant is not":     {probes.Dropped, func(*Case) {}, Unreached},
		"refused to all":                     {probes.Refused, controlsEnd(probes.Refused), Skipped},
		"reset by the source's proxy to all": {probes.Blackholed, controlsEnd(probes.Blackholed), Skipped},
		"made at the source alone":           {probes.Blackholed, func(*Case) {}, Inconclusive},
		"lost to its tenant at last":         {probes.Dropped, func(c *Case) { c.Rounds[1].Control.After = probes.Dropped }, Inconclusive},
		"controls that failed":               {probes.Dropped, controlsEnd(probes.Error), Inconclusive},
		"no control":                         {probes.Dropped, func(c *Case) { eachRound(c, func(s *Seen) { s.Control = Control{Rung: RungNone} }) }, Inconclusive},
		"a source that reaches nothing":      {probes.Dropped, func(c *Case) { eachRound(c, func(s *Seen) { s.Source = SourceControl{} }) }, Inconclusive},
		"one round":                          {probes.Dropped, func(c *Case) { c.Rounds = c.Rounds[:1] }, Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			c := onProxy(tc.outcome)
			tc.spoil(&c)
			r := Judge(c, Rules{}, "")
			assert.Equal(t, tc.want, r.Verdict, r.Why)
			assert.Equal(t, OneSided, r.Grade)
			if tc.want == Leak {
				assert.Contains(t, r.Why, "had HTTP answered at port 15090 of a pod of")
				assert.Contains(t, r.Why, "no policy of the mesh stands before the proxy's metrics")
			}
		})
	}
}

// A mesh's proxy at the source ends what it has no way for as a target's ends
// what it denies: it counts beside a denial of a probe without one.
func TestEndsThatTheSourcesProxyMayHaveMade(t *testing.T) {
	for name, tc := range map[string]struct {
		outcome probes.Outcome
		beside  Verdict
		want    Verdict
	}{
		"closed, and closed without too":  {probes.Closed, Isolated, Unreached},
		"no route, and no way without":    {probes.Blackholed, Isolated, Unreached},
		"closed, and open without":        {probes.Closed, Leak, Inconclusive},
		"reset, and open without":         {probes.Reset, Leak, Inconclusive},
		"no route, and open without":      {probes.Blackholed, Leak, Inconclusive},
		"reset, and nobody tried without": {probes.Reset, "", Inconclusive},
		"forbidden, and open without":     {probes.Forbidden, Leak, Isolated},
		"dropped, and open without":       {probes.Dropped, Leak, Isolated},
		"through":                         {probes.Reached, Isolated, Leak},
	} {
		c := ideal(tc.outcome)
		c.Attempt.From.Proxied, c.Attempt.Address = true, suites.ServiceName
		r := Judge(c, Rules{}, tc.beside)
		assert.Equal(t, tc.want, r.Verdict, "%s: %s", name, r.Why)
		if tc.want == Inconclusive {
			assert.Contains(t, r.Why, "which the source's own proxy may have made", name)
		}
	}
}
